"""A control group for each broker, which counts and caps its CPU time; else its times in /proc.

Both versions of control groups are known. In version 1 the controllers `cpu` and `cpuacct` may be
mounted together or apart. Groups are called millrace-bench-PID-NAME and are removed at the end.
"""

import contextlib
import os
from pathlib import Path

PERIOD_US = 20_000


def _mounts() -> dict[str, Path]:
    """Where `cpu`, `cpuacct` (version 1) or `unified` (version 2) are mounted."""
    found: dict[str, Path] = {}
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, options = line.split()[:4]
        if kind == "cgroup":
            for name in {"cpu", "cpuacct"} & set(options.split(",")):
                found[name] = Path(where)
        elif kind == "cgroup2":
            found["unified"] = Path(where)
    return found


class Processes:
    """Without a control group: the CPU time of one process, in ticks of 10 ms."""

    what = "CPU times from /proc, which count no caps and in steps of 10 ms"
    can_cap = False

    def __init__(self) -> None:
        self._pids: list[int] = []

    def enter(self) -> None:
        """In the child, between fork and exec."""

    def adopt(self, pid: int) -> None:
        self._pids.append(pid)

    def _ns(self, *fields: int) -> int:
        """The sum of so many fields of /proc/PID/stat, counted from the process's state."""
        ticks = 0
        for pid in self._pids:
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
                words = line.rsplit(")", 1)[1].split()
                ticks += sum(int(words[field]) for field in fields)
        return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def cpu_ns(self) -> int:
        return self._ns(11, 12)

    def user_ns(self) -> int:
        """Of that, what was spent outside of the kernel."""
        return self._ns(11)

    def cap(self, cores: float | None) -> None:
        if cores is not None:
            raise OSError("CPU time cannot be capped without a control group")

    def remove(self) -> None:
        self._pids.clear()


class Version1(Processes):
    what = "control groups of version 1"
    can_cap = True

    def __init__(self, name: str) -> None:
        super().__init__()
        mounts = _mounts()
        self._cpu, self._account = mounts["cpu"] / name, mounts["cpuacct"] / name
        for folder in {self._cpu, self._account}:
            folder.mkdir(exist_ok=True)

    def enter(self) -> None:
        for folder in {self._cpu, self._account}:
            (folder / "cgroup.procs").write_text("0", encoding="ascii")

    def cpu_ns(self) -> int:
        return int((self._account / "cpuacct.usage").read_text(encoding="ascii"))

    def user_ns(self) -> int:
        return int((self._account / "cpuacct.usage_user").read_text(encoding="ascii"))

    def cap(self, cores: float | None) -> None:
        quota = -1 if cores is None else int(cores * PERIOD_US)
        (self._cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US), encoding="ascii")
        (self._cpu / "cpu.cfs_quota_us").write_text(str(quota), encoding="ascii")

    def remove(self) -> None:
        for folder in {self._cpu, self._account}:
            with contextlib.suppress(OSError):
                folder.rmdir()


class Version2(Processes):
    what = "control groups of version 2"
    can_cap = True

    def __init__(self, name: str) -> None:
        super().__init__()
        root = _mounts()["unified"]
        (root / "cgroup.subtree_control").write_text("+cpu", encoding="ascii")
        self._folder = root / name
        self._folder.mkdir(exist_ok=True)

    def enter(self) -> None:
        (self._folder / "cgroup.procs").write_text("0", encoding="ascii")

    def _stat_ns(self, name: str) -> int:
        lines = (self._folder / "cpu.stat").read_text(encoding="ascii").split("\n")
        return 1000 * int(dict(line.split() for line in lines if line)[name])

    def cpu_ns(self) -> int:
        return self._stat_ns("usage_usec")

    def user_ns(self) -> int:
        return self._stat_ns("user_usec")

    def cap(self, cores: float | None) -> None:
        quota = "max" if cores is None else str(int(cores * PERIOD_US))
        (self._folder / "cpu.max").write_text(f"{quota} {PERIOD_US}", encoding="ascii")

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def group(name: str) -> Processes:
    """The best that this machine allows."""
    for kind in (Version1, Version2):
        with contextlib.suppress(OSError, KeyError):
            made = kind(f"millrace-bench-{os.getpid()}-{name}")
            made.cap(None)
            return made
    return Processes()
