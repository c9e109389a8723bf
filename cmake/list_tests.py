"""Writes the test cases of a Catch2 program as ctest commands.

usage: list_tests.py PROGRAM PREFIX OUTPUT

Catch2's own script loses names that contain `;` and lets a name that selects no test pass; here the
names are quoted for both readers, and a test that does not run is a failure.
"""

import re
import subprocess
import sys

TIMEOUT_SECONDS = 300


def selector(name: str) -> str:
    """`name` as a Catch2 argument that selects exactly this test case."""
    return re.sub(r'([\\,\[\]"*~])', r"\\\1", name)


def bracket(text: str) -> str:
    """`text` as a CMake argument in which nothing has a meaning."""
    fence = "="
    while f"]{fence}]" in text:
        fence += "="
    return f"[{fence}[{text}]{fence}]"


def main() -> int:
    program, prefix, output = sys.argv[1:]
    listing = subprocess.run([program, "--list-test-names-only"], capture_output=True, text=True)
    names = [line for line in listing.stdout.splitlines() if line]
    if listing.stderr or not names:  # the exit status is the number of tests, so it tells nothing
        print(f"{program} lists no test: {listing.stderr}", file=sys.stderr)
        return 1
    with open(output, "w", encoding="utf-8") as script:
        for name in names:
            test = bracket(f"{prefix}/{name}")
            command = f"{bracket(program)} {bracket(selector(name))} -w NoTests"
            script.write(f"add_test({test} {command})\n")
            script.write(
                f"set_tests_properties({test} PROPERTIES TIMEOUT {TIMEOUT_SECONDS} LABELS {prefix})\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
