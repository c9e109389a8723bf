"""Where our broker's time goes under a row: a flame graph.

usage: profile_row.py ROW [--full] [--folder DIR] [--out DIR]      ROW is a part of a row's name
MILLRACE_BIN names our binary, else it is that of the release preset.

Samples come from perf. Where it is not allowed to look, the broker runs under callgrind instead, slowly,
and there is a table of its functions but no graph.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import artifacts
import brokers
import flame
import rows
from catalogue import ALL
from legs import LegFailed
from pairs import OURS

FREQUENCY = 999
ATTACH_SECONDS = 2


class Perf:
    """Samples processes until it is stopped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[subprocess.Popen[bytes], Path]] = []

    @staticmethod
    def allowed(folder: Path) -> bool:
        try:
            tried = subprocess.run(["perf", "record", "-q", "-o", folder / "try", "-e", "cpu-clock",
                                    "true"], capture_output=True)  # fmt: skip
        except OSError:
            return False
        return tried.returncode == 0

    def attach(self, pid: int) -> None:
        path = self._folder / f"samples-{pid}"
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY), "--call-graph",
                   "dwarf,8192", "-p", str(pid), "-o", str(path)]  # fmt: skip
        perf = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._running.append((perf, path))

    def stop(self) -> dict[flame.Stack, int]:
        counts: dict[flame.Stack, int] = {}
        for perf, path in self._running:
            perf.terminate()
            perf.wait()
            said = subprocess.run(
                ["perf", "script", "--no-inline", "-F", "comm,ip,sym,dso", "-i", path],
                capture_output=True, text=True, errors="replace",
            )  # fmt: skip
            for stack, samples in flame.fold(said.stdout).items():
                counts[stack] = counts.get(stack, 0) + samples
        return counts


def by_perf(stand: rows.Stand, row: rows.Row, folder: Path, out: Path) -> None:
    perf = Perf(folder)
    if row.warm:
        row.leg(stand, OURS)
    running = stand.broker(OURS) if row.warm or row.prepare is not None else None
    brokers.Broker.launched = perf.attach
    if running is not None:
        perf.attach(running.pid)
        time.sleep(ATTACH_SECONDS)
    try:
        leg = row.leg(stand, OURS)
    except LegFailed as failure:
        print(f"the leg failed: {failure}")
    else:
        print(", ".join(f"{name} {value:.1f}" for name, value in leg.figures.items()))
    counts = perf.stop()
    if not counts:
        sys.exit("perf has no sample")
    path = out / "profile.svg"
    path.write_text(flame.svg(counts, row.name), encoding="utf-8")
    for share, name in flame.hottest(counts):
        print(f"{100 * share:5.1f} %  {name}")
    print(f"flame graph: {path}")


def by_callgrind(stand: rows.Stand, row: rows.Row, folder: Path) -> None:
    counts = folder / "counts"
    # Debian's valgrind does not understand the debug information of this compiler.
    bare = folder / "millrace"
    subprocess.run(["objcopy", "--strip-debug", brokers.binary(), bare], check=True)
    brokers.Millrace.wrapper = ["valgrind", "-q", "--tool=callgrind",
                                f"--callgrind-out-file={counts}-%p"]  # fmt: skip
    os.environ["MILLRACE_BIN"] = str(bare)
    try:
        row.leg(stand, OURS)
    except LegFailed as failure:
        print(f"the leg failed, as one with a rate does when the broker is that slow: {failure}")
    stand.stop()
    for path in sorted(folder.glob("counts-*")):
        said = subprocess.run(["callgrind_annotate", path], capture_output=True, text=True).stdout
        print("\n".join(line[:150] for line in said.splitlines()[20:60]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev profile")
    parser.add_argument("row", help="a part of a row's name: ./dev bench peers --list")
    parser.add_argument("--full", action="store_true", help="as much as in a full run")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="for the data")
    parser.add_argument("--out", type=Path, default=brokers.ROOT / "build/bench")
    options = parser.parse_args()
    found = [row for row in ALL if options.row in row.name]
    if not found:
        sys.exit(f"no row's name contains {options.row}: ./dev bench peers --list names them")
    row = found[0]
    print(f"{row.name}: {row.question}", flush=True)
    artifacts.rdkafka_performance()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="millrace-bench-", dir=options.folder) as name:
        folder = Path(name)
        with rows.Stand(folder, not options.full, {OURS: brokers.Millrace}) as stand:
            allowed = Perf.allowed(folder)
            if row.prepare is not None and allowed:
                row.prepare(stand, OURS)
            if allowed:
                by_perf(stand, row, folder, options.out)
            else:
                print("perf may not look here; callgrind counts instead", flush=True)
                by_callgrind(stand, row, folder)


if __name__ == "__main__":
    main()
