"""The rules of the house that no compiler checks. Each is a function from files to findings."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Callable, Iterable, Iterator

LINES_MAX = 500
COLUMNS_MAX = 100

CPP = {".cpp", ".hpp"}
CODE = CPP | {".py", ".sh", ".cmake", ".proto"}
CODE_NAMES = {"CMakeLists.txt", "dev", "run"}
PROSE = {".md"}

# The direction of includes: a folder may use itself and those named here (ARCHITECTURE.md).
MAY_INCLUDE = {
    "protocol": set(),
    "config": {"protocol"},
    "log": {"protocol"},
    "replication": {"log", "protocol"},
    "broker": {"replication", "log", "config", "protocol"},
    "clients": {"protocol"},
    "tools": {"clients", "config", "protocol"},
    "cmake": set(),
}
# A broker is a client of the other brokers, by way of one header.
PEERS_MAY_ALSO = re.compile(r"broker/peers/peers\.[ch]pp$")
# Of the command line, few files reach further: those that start a broker, the one that gives it the
# real world, and the one that reads its files.
TOOLS_MAY_ALSO = {
    r"/(start|dev)(_\w+)?\.[ch]pp$": {"broker"},
    r"/serve\.[ch]pp$": {"broker", "log"},
    r"/log_dump(_\w+)?\.[ch]pp$": {"log"},
}
# These decide; the network is somebody else's.
WITHOUT_ASIO = {"log", "replication", "config"}
# What a header that speaks of coroutines needs; the rest of Asio costs seconds per file.
ASIO = re.compile(r"boost/(asio|beast)\b")
LIGHT_ASIO = {"boost/asio/awaitable.hpp", "boost/asio/any_io_executor.hpp"}


@dataclass(frozen=True)
class File:
    path: str
    text: str

    @property
    def folder(self) -> str:
        return self.path.split("/")[0]

    @property
    def is_cpp(self) -> bool:
        return PurePosixPath(self.path).suffix in CPP

    @property
    def is_code(self) -> bool:
        path = PurePosixPath(self.path)
        return path.suffix in CODE or path.name in CODE_NAMES

    @property
    def is_prose(self) -> bool:
        return PurePosixPath(self.path).suffix in PROSE

    def lines(self) -> Iterator[tuple[int, str]]:
        return enumerate(self.text.split("\n"), start=1)

    def includes(self) -> Iterator[tuple[int, str, str]]:
        """Line, opening bracket or quote, and what is included."""
        for number, line in self.lines():
            if match := re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line):
                yield number, match[1], match[2]


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


Rule = Callable[[Iterable[File]], Iterator[Finding]]
RULES: dict[str, Rule] = {}


def rule(sentence: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES[sentence] = function
        return function

    return register


def without_comments_and_strings(text: str) -> str:
    """The same lines with comments and literals blanked, so that only code is searched."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(
        r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'(?!\w)',
        blank,
        text,
        flags=re.DOTALL,
    )


@rule("includes point down, never up")
def include_direction(files: Iterable[File]) -> Iterator[Finding]:
    for file in files:
        if not file.is_cpp or file.folder not in MAY_INCLUDE:
            continue
        allowed = {file.folder} | MAY_INCLUDE[file.folder]
        if file.folder == "tools":
            for where, folders in TOOLS_MAY_ALSO.items():
                allowed |= folders if re.search(where, file.path) else set()
        if PEERS_MAY_ALSO.search(file.path):
            allowed |= {"clients"}
        for number, kind, target in file.includes():
            folder = target.split("/")[0]
            if folder in MAY_INCLUDE or folder == "tests" or kind == '"':
                if folder not in allowed:
                    yield Finding(file.path, number, f"{file.folder}/ may not include {target}")
                elif kind == "<":
                    yield Finding(file.path, number, f"{target} is ours and takes quotes")


@rule("Asio stays behind the network facade")
def asio_includes(files: Iterable[File]) -> Iterator[Finding]:
    files = list(files)
    heavy = heavy_headers(files)
    for file in files:
        if not file.is_cpp or file.folder in ("tests", "cmake"):
            continue
        in_net = file.path.startswith("protocol/net/")
        pure = file.folder in WITHOUT_ASIO or (file.folder == "protocol" and not in_net)
        for number, _, target in file.includes():
            if pure and target.startswith("protocol/net/"):
                yield Finding(file.path, number, f"this folder decides, so it may not use {target}")
            elif target in heavy and not in_net:
                yield Finding(file.path, number, f"{target} brings all of Asio along")
            elif ASIO.match(target) and not in_net and (pure or target not in LIGHT_ASIO):
                yield Finding(file.path, number, f"{target} belongs into protocol/net/")


def heavy_headers(files: list[File]) -> set[str]:
    """The headers of the facade's inside: those that include real Asio, directly or not."""
    inside = [file for file in files if file.path.startswith("protocol/net/")]
    includes = {file.path: {target for _, _, target in file.includes()} for file in inside}
    heavy: set[str] = set()
    while True:
        more = {
            path
            for path, targets in includes.items()
            if any(t in heavy or (ASIO.match(t) and t not in LIGHT_ASIO) for t in targets)
        }
        if more == heavy:
            return heavy
        heavy = more


def balanced(text: str, start: int) -> str:
    """What stands between the parenthesis at `start` and its partner."""
    depth = 0
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return text[start + 1 : position]
    return text[start + 1 :]


@rule("no coroutine awaits inside a condition")
def await_in_condition(files: Iterable[File]) -> Iterator[Finding]:
    for file in files:
        if not file.is_cpp or "co_await" not in file.text:
            continue
        code = without_comments_and_strings(file.text)
        for match in re.finditer(r"\b(if|while|switch)\s*(?:constexpr\s*)?(\()", code):
            condition = balanced(code, match.start(2)).split(";")[-1]
            if re.search(r"\bco_await\b", condition):
                line = code.count("\n", 0, match.start()) + 1
                yield Finding(file.path, line, f"name the result before the {match[1]}")


@rule("a statement awaits at most once")
def one_await_per_statement(files: Iterable[File]) -> Iterator[Finding]:
    for file in files:
        if not file.is_cpp or "co_await" not in file.text:
            continue
        code = without_comments_and_strings(file.text)
        for match in re.finditer(r"[^;{}]+", code):
            awaits = [m.start() for m in re.finditer(r"\bco_await\b", match[0])]
            if len(awaits) > 1:
                line = code.count("\n", 0, match.start() + awaits[0]) + 1
                yield Finding(file.path, line, "one co_await per statement: name the first result")


@rule("no file is longer than 500 lines")
def length(files: Iterable[File]) -> Iterator[Finding]:
    for file in files:
        lines = file.text.count("\n")
        if file.is_code and lines > LINES_MAX:
            yield Finding(file.path, lines, f"{lines} lines: find the seam")


def each_line(pattern: str, message: str, applies: Callable[[File], bool]) -> Rule:
    def check(files: Iterable[File]) -> Iterator[Finding]:
        for file in files:
            if applies(file):
                for number, line in file.lines():
                    if re.search(pattern, line):
                        yield Finding(file.path, number, message)

    return check


def text_of_ours(file: File) -> bool:
    return file.is_code or file.is_prose


def except_this_folder(file: File) -> bool:
    return text_of_ours(file) and not file.path.startswith("tests/style/")


def test_code(file: File) -> bool:
    return file.is_cpp and file.folder == "tests"


rule("no marker of unfinished work is left")(
    each_line(r"\b(TODO|FIXME|XXX)\b", "finish it, or write down the limit", except_this_folder)
)
rule("no tab is used for layout")(each_line(r"\t", "a tab", text_of_ours))
rule("no line ends in a space")(each_line(r"[ \r]$", "white space at the end", text_of_ours))
rule("no C++ line is wider than 100 columns")(
    each_line(rf"^.{{{COLUMNS_MAX + 1},}}", "too wide", lambda file: file.is_cpp)
)
rule("no test sleeps")(
    each_line(
        r"\bthis_thread::sleep|\b(usleep|nanosleep)\b|(?<![\w.])sleep\(\d",
        "wait for what you wait for, or use the simulated clock",
        test_code,
    )
)
rule("no path of one machine is named")(
    each_line(
        r"(?<![\w./-])/(home|root|Users|mnt)/\w",
        "a reader has no such path",
        except_this_folder,
    )
)
rule("every header is guarded by #pragma once")(
    lambda files: (
        Finding(file.path, 1, "#pragma once is missing")
        for file in files
        if file.path.endswith(".hpp") and not re.search(r"^#pragma once$", file.text, re.MULTILINE)
    )
)


def anchors(markdown: str) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ +(.*?)\s*$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@rule("every relative link leads somewhere")
def links(files: Iterable[File]) -> Iterator[Finding]:
    files = list(files)
    texts = {file.path: file.text for file in files}
    folders = {str(parent) for path in texts for parent in PurePosixPath(path).parents}
    for file in filter(lambda f: f.is_prose, files):
        prose = re.sub(r"^```.*?^```|`[^`\n]*`", lambda m: "\n" * m[0].count("\n"), file.text,
                       flags=re.DOTALL | re.MULTILINE)  # fmt: skip
        for match in re.finditer(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"[a-z]+:", match[1]):
                continue
            line = prose.count("\n", 0, match.start()) + 1
            target, _, anchor = match[1].partition("#")
            path = file.path if not target else resolve(file.path, target)
            if path not in texts and path not in folders:
                yield Finding(file.path, line, f"there is no {match[1]}")
            elif anchor and path in texts and anchor not in anchors(texts[path]):
                yield Finding(file.path, line, f"{path} has no heading for #{anchor}")


def resolve(page: str, target: str) -> str:
    parts: list[str] = [] if target.startswith("/") else list(PurePosixPath(page).parent.parts)
    for part in PurePosixPath(target.lstrip("/")).parts:
        if part == "..":
            if not parts:
                return target  # out of the repository
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."
