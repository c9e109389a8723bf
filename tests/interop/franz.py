"""Builds the Go program in franz/."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

import harness


def program() -> Path:
    """The program. Skips the test where it cannot be built."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise unittest.SkipTest("there is no Go on this machine")
    build = Path(os.environ.get("MILLRACE_BUILD", harness.ROOT / "build/dev")) / "interop"
    build.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        [go, "build", "-o", build / "franz", "."], cwd=harness.HERE / "franz",
        capture_output=True, text=True, timeout=200,
        env={**os.environ, "GOFLAGS": "-mod=readonly"},
    )  # fmt: skip
    if made.returncode != 0:
        raise unittest.SkipTest(f"the Go program cannot be built: {made.stderr[-400:]}")
    return build / "franz"
