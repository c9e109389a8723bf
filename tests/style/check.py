"""Holds the repository to the rules of the house.

usage: check.py --list            the names of the rules
       check.py                   all rules
       check.py "NAME OF A RULE"  one
"""

import subprocess
import sys
from pathlib import Path

from rules import RULES, File

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {"build", "data", ".git", ".cache", "__pycache__"}


def paths() -> list[str]:
    """Files that are or could be committed; without git, all that are not generated."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=ROOT, capture_output=True, check=True, text=True,
        )  # fmt: skip
        return [path for path in listing.stdout.split("\0") if path]
    except (OSError, subprocess.CalledProcessError):
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return [str(path) for path in found if not NOT_OURS.intersection(path.parts)]


def read(path: str) -> File | None:
    try:
        return File(path, (ROOT / path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return None  # binary, or deleted and not yet committed


def main(arguments: list[str]) -> int:
    if arguments == ["--list"]:
        print("\n".join(RULES))
        return 0
    files = [file for file in map(read, paths()) if file]
    findings = [
        finding for name in arguments or RULES for finding in RULES[name](files)
    ]
    for finding in findings:
        print(finding)
    if not files:
        print("there is nothing to check")
    return 1 if findings or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
