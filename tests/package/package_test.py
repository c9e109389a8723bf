"""Installs what was built into a temporary folder, and builds other projects from there alone.

usage: package_test.py BUILD COMPILER SANITIZERS
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD, COMPILER, SANITIZERS = (sys.argv + [""])[1:4]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="millrace-package-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.prefix = cls.folder / "prefix"
        cls.run_tool("cmake", "--install", BUILD, "--prefix", str(cls.prefix))

    @classmethod
    def run_tool(cls, *command: str) -> None:
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}:\n{result.stdout}{result.stderr}"[-6000:])

    def make(self, source: Path, target: str) -> Path:
        """Builds one target of the project and gives its program."""
        build = self.folder / target
        flags = f"-fsanitize={SANITIZERS}" if SANITIZERS else ""
        self.run_tool(
            "cmake", "-S", str(source), "-B", str(build), "-G", "Ninja",
            f"-DCMAKE_CXX_COMPILER={COMPILER}", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_CXX_FLAGS={flags}",
        )  # fmt: skip
        self.run_tool("cmake", "--build", str(build), "--target", target)
        return build / target

    def test_a_project_links_the_clients_and_tests_itself_with_the_broker_in_memory(self) -> None:
        program = self.make(HERE / "consumer", "consumer")
        result = subprocess.run([program], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_the_examples_build_from_the_package(self) -> None:
        program = self.make(ROOT / "clients/examples", "example_produce")
        result = subprocess.run([program], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 2)
        self.assertIn("usage:", result.stderr)

    def test_what_is_installed_names_nothing_of_the_build(self) -> None:
        for file in self.prefix.rglob("*.cmake"):
            text = file.read_text(encoding="utf-8")
            self.assertNotIn(BUILD, text, file)
            self.assertNotIn(str(ROOT), text, file)

    def test_the_program_is_installed_and_runs(self) -> None:
        program = self.prefix / "bin/millrace"
        result = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("millrace", result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
