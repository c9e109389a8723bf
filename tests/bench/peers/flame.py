"""From the samples of perf to a flame graph: how wide a function is, so much of the time it was on the
stack."""

import html
import re
from dataclasses import dataclass, field

WIDTH, ROW = 1200, 17
NARROWEST = 0.001  # of the whole; what is narrower is not drawn
Stack = tuple[str, ...]


def fold(script: str) -> dict[Stack, int]:
    """Counts the stacks in what `perf script` prints, the outermost function first.

    A sample is a line that does not begin with a blank, then a line for each function, the innermost
    first, then an empty line.
    """
    counts: dict[Stack, int] = {}
    for sample in script.split("\n\n"):
        head, *frames = sample.strip("\n").split("\n")
        found = [re.match(r"\s+[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \(", line) for line in frames]
        stack = tuple(short(match[1]) for match in reversed(found) if match)
        if stack:
            thread = head.split()[0]
            counts[(thread, *stack)] = counts.get((thread, *stack), 0) + 1
    return counts


def short(function: str) -> str:
    """Without what is between angle brackets and parentheses: templates' and functions' arguments."""
    kept, depth = [], 0
    for character in function.replace("(anonymous namespace)::", "").replace("operator()", "call"):
        depth += character in "<("
        if depth == 0:
            kept.append(character)
        depth -= character in ">)"
    return "".join(kept).strip() or function


@dataclass
class Node:
    samples: int = 0
    below: dict[str, "Node"] = field(default_factory=dict)


def tree(counts: dict[Stack, int]) -> Node:
    root = Node()
    for stack, samples in counts.items():
        node = root
        node.samples += samples
        for name in stack:
            node = node.below.setdefault(name, Node())
            node.samples += samples
    return root


def hottest(counts: dict[Stack, int], most: int = 25) -> list[tuple[float, str]]:
    """The functions that were innermost, with their shares."""
    total = sum(counts.values())
    own: dict[str, int] = {}
    for stack, samples in counts.items():
        own[stack[-1]] = own.get(stack[-1], 0) + samples
    ordered = sorted(own.items(), key=lambda item: -item[1])
    return [(samples / total, name) for name, samples in ordered[:most]]


def svg(counts: dict[Stack, int], title: str) -> str:
    """The outermost at the bottom. The name and the share of each is its tooltip."""
    root = tree(counts)
    boxes: list[str] = []

    def depth(node: Node) -> int:
        return 1 + max(map(depth, node.below.values()), default=0)

    height = (depth(root) + 2) * ROW

    def draw(node: Node, name: str, x: float, level: int) -> None:
        share = node.samples / root.samples
        width, y = share * WIDTH, height - (level + 1) * ROW
        colour = f"hsl({20 + sum(map(ord, name)) % 40},80%,{65 + len(name) % 10}%)"
        text = html.escape(name)
        boxes.append(
            f'<g><title>{text}: {100 * share:.1f} %</title><rect x="{x:.1f}" y="{y}" rx="2" '
            f'width="{width:.1f}" height="{ROW - 1}" fill="{colour}"/>'
        )
        if width > 40:
            cut = html.escape(name[: int(width / 6.5)])
            boxes.append(f'<text x="{x + 2:.1f}" y="{y + 12}">{cut}</text>')
        boxes.append("</g>")
        for child, below in sorted(node.below.items()):
            if below.samples >= NARROWEST * root.samples:
                draw(below, child, x, level + 1)
            x += below.samples / root.samples * WIDTH

    draw(root, f"{title}: {root.samples} samples", 0, 0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="monospace" font-size="11">{"".join(boxes)}</svg>'
    )
