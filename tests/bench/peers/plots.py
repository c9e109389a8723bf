"""Plots as SVG, by hand: they need two axes and some lines."""

import math

WIDTH, HEIGHT, LEFT, BOTTOM = 520, 240, 50, 30
COLOURS = {"ours": "#0a6", "theirs": "#c50"}
POINTS = 200  # that a line is drawn with at most


def _frame(x_label: str, y_label: str, x_marks: list[tuple[float, str]],
           y_marks: list[tuple[float, str]], lines: list[str]) -> str:  # fmt: skip
    """Marks are at shares of the axes, with their texts."""
    parts = [f'<svg width="{WIDTH}" height="{HEIGHT}" font-size="10">']
    for share, text in x_marks:
        x = LEFT + share * (WIDTH - LEFT - 10)
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 16}" text-anchor="middle">{text}</text>')
    for share, text in y_marks:
        y = _y(share)
        parts.append(f'<text x="{LEFT - 4}" y="{y + 3:.0f}" text-anchor="end">{text}</text>')
        parts.append(f'<path d="M{LEFT} {y:.0f}H{WIDTH - 10}" stroke="#ddd"/>')
    parts.append(f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 3}" text-anchor="middle">{x_label}</text>')
    parts.append(f'<text x="4" y="12">{y_label}</text>')
    return "".join([*parts, *lines, "</svg>"])


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 20)


def _line(side: str, points: list[tuple[float, float]]) -> str:
    """Points are shares of both axes."""
    step = max(1, len(points) // POINTS)
    kept = points[::step] + points[-1:]
    path = " ".join(f"{LEFT + x * (WIDTH - LEFT - 10):.1f},{_y(y):.1f}" for x, y in kept)
    return f'<polyline points="{path}" fill="none" stroke="{COLOURS[side]}"/>'


def latencies(by_side: dict[str, list[float]]) -> str:
    """How long each share of the records took at most; both axes stretched towards the rare."""
    everything = [value for values in by_side.values() for value in values if value > 0]
    least, most = math.floor(math.log10(min(everything))), math.ceil(math.log10(max(everything)))
    most = max(most, least + 1)
    depth = max(1.0, math.log10(max(len(values) for values in by_side.values())))

    def x(share: float) -> float:
        return min(1.0, -math.log10(max(1 - share, 1e-9)) / depth)

    lines = []
    for side, values in by_side.items():
        ordered = sorted(max(value, 10**least) for value in values)
        points = [
            (x(i / len(ordered)), (math.log10(value) - least) / (most - least))
            for i, value in enumerate(ordered)
            if i < len(ordered) * 0.9 and i % max(1, len(ordered) // 100) == 0
            or i >= len(ordered) * 0.9
        ]
        lines += [_line(side, points)] if points else []
    x_marks = [(x(1 - 10**-n), f"p{100 * (1 - 10**-n):g}") for n in range(1, int(depth) + 1)]
    y_marks = [((n - least) / (most - least), f"{10.0**n:g}") for n in range(least, most + 1)]
    return _frame("of all records", "ms", [(x(0.5), "p50"), *x_marks], y_marks, lines)


def progress(by_side: dict[str, list[list[tuple[float, float]]]]) -> str:
    """MB that had been acknowledged, or read, by the time: a line for each leg."""
    points = [point for legs in by_side.values() for leg in legs for point in leg]
    seconds = max((t for t, _ in points), default=1) or 1
    megabytes = max((mb for _, mb in points), default=1) or 1
    lines = [
        _line(side, [(t / seconds, mb / megabytes) for t, mb in [(0.0, 0.0), *leg]])
        for side, legs in by_side.items()
        for leg in legs
    ]
    marks = [0, 0.25, 0.5, 0.75, 1]
    return _frame(
        "seconds", "MB", [(m, f"{m * seconds:.1f}") for m in marks],
        [(m, f"{m * megabytes:.0f}") for m in marks], lines,
    )  # fmt: skip
