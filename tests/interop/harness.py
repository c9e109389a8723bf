"""What the process tests share: a broker of one's own, deadlines, kcat, clients from PyPI.

A test file is a unittest program that ends with `harness.main()`. The binary is named by
MILLRACE_BIN, else it is build/dev/bin/millrace. The exit status is 77, which ctest shows as skipped,
if nothing in the file could run here.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Callable, Iterator, TypeVar

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARY = Path(os.environ.get("MILLRACE_BIN", ROOT / "build/dev/bin/millrace"))
# The long modes are for a person: 10^6 records, 50 kills.
LONG = os.environ.get("MILLRACE_LONG", "") not in ("", "0")
START_SECONDS = 30
STOP_SECONDS = 30

T = TypeVar("T")


def wait_for(what: str, seconds: float, probe: Callable[[], T | None]) -> T:
    """The first answer of `probe` that is true; fails with `what` when time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s there is still no {what}")
        time.sleep(0.02)


class Broker:
    """One broker process on 127.0.0.1. The folder and the port stay over restarts.

    Use it in `with`: the process and its folder are gone afterwards, whatever happened. When the
    test failed, the end of the broker's log is printed.
    """

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="millrace-test-")
        self.data = Path(self._folder.name) / "data"
        self.log_path = Path(self._folder.name) / "log"
        self.settings = {"auto.create.topics.enable": "true", **(settings or {})}
        self.arguments: list[str] = []  # more of them for `millrace start`
        self._seen = 0  # of its log, before it was launched
        self.port = 0  # the kernel chooses at the first start
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Broker":
        try:
            self.start()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind: type | None = None, *_: object) -> None:
        if kind is not None and kind is not unittest.SkipTest:
            print(f"--- the broker's log ends:\n{self.log()[-4000:]}---", file=sys.stderr)
        if self.process is not None:
            self.kill()
        self._folder.cleanup()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        settings = {
            "log.dirs": str(self.data),
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            **self.settings,
        }
        pairs = [f"{name}={value}" for name, value in settings.items()]
        return [str(BINARY), "start", *(word for pair in pairs for word in ("--set", pair)),
                *self.arguments]  # fmt: skip

    def launch(self, limits: dict[int, int] | None = None) -> None:
        """Starts the process and returns at once; `limits` are of the kind resource.RLIMIT_*."""

        def prepare() -> None:
            _die_with_parent()
            for limit, value in (limits or {}).items():
                resource.setrlimit(limit, (value, value))

        self._seen = len(self.log())
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=prepare, restore_signals=False,
            )  # fmt: skip

    def start(self, limits: dict[int, int] | None = None) -> None:
        """Starts the process and returns when it serves."""
        self.launch(limits)
        self.wait_until_it_serves()

    def wait_until_it_serves(self) -> None:
        """Once it was launched."""

        def serves() -> int | None:
            fresh = self.log()[self._seen :]
            if self.process.poll() is not None:
                raise AssertionError(f"the broker ended with {self.process.returncode}: {fresh}")
            found = re.search(r"\bready on [^ ,]*:(\d+)", fresh)
            return int(found[1]) if found else None

        self.port = wait_for("line that says the broker is ready", START_SECONDS, serves)

    def log(self) -> str:
        if not self.log_path.exists():
            return ""
        return self.log_path.read_text(encoding="utf-8", errors="backslashreplace")

    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9: what the process had not written is gone."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def restart(self) -> None:
        status = self.stop()
        if status != 0:
            raise AssertionError(f"the broker's exit status after SIGTERM is {status}")
        self.start()

    def memory_kib(self, field: str) -> int:
        """A line of /proc/PID/status: VmRSS is what it holds now, VmHWM the most it ever held."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)[1])


def _die_with_parent() -> None:
    """So that a test that is killed, as ctest does when time is over, leaves no broker behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def kcat(broker: Broker, *arguments: str, stdin: bytes = b"", seconds: float = 60) -> bytes:
    """Runs kcat to its end; its stdout. A failure carries its stderr."""
    result = subprocess.run(
        ["kcat", "-b", broker.address, *arguments],
        input=stdin,
        capture_output=True,
        timeout=seconds,
    )
    if result.returncode != 0:
        raise AssertionError(f"kcat {' '.join(arguments)}: {result.stderr.decode()[-2000:]}")
    return result.stdout


@contextlib.contextmanager
def running(*command: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that does not outlive the block."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait(STOP_SECONDS)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


# --- clients from PyPI -------------------------------------------------------------------------

REQUIREMENTS = HERE / "requirements.txt"


def pypi_packages(requirements: Path = REQUIREMENTS) -> Path:
    """The folder with the packages of `requirements`, installed once per version of that file.

    Skips the test, with the reason, on a machine that cannot download them.
    """
    build = Path(os.environ.get("MILLRACE_BUILD", ROOT / "build/dev"))
    pins = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = build / "interop" / f"pypi-{pins}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _install(folder, requirements)
    return next((folder / "venv/lib").glob("python3*")) / "site-packages"


def _install(folder: Path, requirements: Path) -> None:
    # A machine without a way out is found out once in a while, not once per test.
    refused = folder / "refused"
    if refused.exists() and time.time() - refused.stat().st_mtime < 600:
        raise unittest.SkipTest(refused.read_text(encoding="utf-8"))
    pip = [str(folder / "venv/bin/pip"), "install", "-q", "--retries", "1", "--timeout", "10"]
    for command in (
        [sys.executable, "-m", "venv", str(folder / "venv")],
        [*pip, "--only-binary", ":all:", "-r", str(requirements)],
    ):
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=150)
            reason = None if result.returncode == 0 else (result.stderr or result.stdout)[-400:]
        except subprocess.TimeoutExpired:
            reason = "it takes too long"
        if reason is not None:
            refused.write_text(f"packages from PyPI cannot be installed: {reason}", encoding="utf-8")
            raise unittest.SkipTest(refused.read_text(encoding="utf-8"))
    (folder / "done").touch()


def use_pypi(requirements: Path = REQUIREMENTS) -> None:
    """Makes the packages importable in this process, before those of Debian."""
    sys.path.insert(0, str(pypi_packages(requirements)))


# --- running a test file -----------------------------------------------------------------------


def main() -> None:
    if not BINARY.exists():
        sys.exit(f"there is no {BINARY}: build it, or name another in MILLRACE_BIN")
    program = unittest.main(module="__main__", verbosity=2, exit=False)
    result = program.result
    if result.wasSuccessful() and result.testsRun <= len(result.skipped):
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
