"""Tests of ./dev itself, with stand-ins for what it would install and start."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

DEV = Path(__file__).resolve().parents[2] / "dev"
SOURCE = DEV.read_text(encoding="utf-8")
PACKAGES = {
    name
    for array in re.findall(r"_packages=\(([^)]*)\)", SOURCE)
    for name in array.split()
    if not name.startswith('"')
}


class Dev(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def stand_in(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def run_dev(self, *arguments: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess:
        return subprocess.run(
            [DEV, *arguments], cwd="/", capture_output=True, text=True, stdin=subprocess.DEVNULL,
            env={"PATH": f"{self.folder}:{path}", "CI": "true"},
        )  # fmt: skip

    def run_setup(self, without: str = "", besides: str = "") -> tuple[str, str]:
        """`setup` on a machine that has all packages but one; what it said and what it ran."""
        names = (PACKAGES - {without}) | {besides}
        lines = "\n".join(f"{name} ii " for name in sorted(names) if name)
        self.stand_in("dpkg-query", f"cat <<'END'\n{lines}\nEND")
        self.stand_in("apt-get", f'echo "$@" >>"{self.folder}/log"')
        self.stand_in("sudo", 'exec "$@"')
        result = self.run_dev("setup")
        self.assertEqual(result.returncode, 0, result.stderr)
        log = self.folder / "log"
        return result.stderr, log.read_text(encoding="utf-8") if log.exists() else ""

    def test_help_has_one_line_for_each_verb(self) -> None:
        shown = self.run_dev("help").stdout
        verbs = set(re.findall(r"^do_([a-z]+)\(\)", SOURCE, re.MULTILINE))
        self.assertIn("setup", verbs)
        self.assertEqual(verbs, set(re.findall(r"^  (\w+)", shown, re.MULTILINE)))
        self.assertLessEqual(max(map(len, shown.splitlines())), 100)

    def test_an_unknown_verb_is_refused(self) -> None:
        result = self.run_dev("tset")
        self.assertEqual(result.returncode, 2)
        self.assertIn("tset", result.stderr)

    def test_setup_with_everything_there_installs_nothing(self) -> None:
        self.assertEqual(self.run_setup(), ("", ""))

    def test_setup_installs_only_what_is_missing(self) -> None:
        said, ran = self.run_setup(without="liblz4-dev")
        self.assertEqual(said, "dev: installing liblz4-dev\n")
        self.assertRegex(ran, r"install liblz4-dev\n$")

    def test_setup_says_so_before_it_replaces_boost(self) -> None:
        said, _ = self.run_setup(without="libboost1.81-dev", besides="libboost-dev")
        self.assertRegex(said, r"(?s)libboost-dev will be removed.*installing libboost1\.81-dev")
        self.assertNotIn("removed", self.run_setup(without="kcat", besides="libboost-dev")[0])


if __name__ == "__main__":
    unittest.main()
