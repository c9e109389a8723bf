"""Our broker beside others, under the same load: README.md says what is measured and how.

usage: __main__.py [--rows PART,PART] [--quick] [--record] [--list] [--folder DIR] [--out DIR]
MILLRACE_BIN names our binary, else it is that of the release preset.
"""

import argparse
import datetime
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import artifacts
import floor
import nats
import pairs
import report
import rows
from brokers import ROOT
from catalogue import ALL
from legs import Leg, LegFailed

TOUCH_MB, TOUCH_MB_QUICK = 8000, 1000
# What a kind of failure of a leg's own programs is, apart from LegFailed.
FAILURES = (AssertionError, OSError, artifacts.Missing, subprocess.SubprocessError)


def chosen(options: argparse.Namespace) -> list[rows.Row]:
    parts = [part for part in (options.rows or "").split(",") if part]
    if parts:
        return [row for row in ALL if any(part.strip() in row.name for part in parts)]
    return [row for row in ALL if row.in_quick or not options.quick]


def run_row(stand: rows.Stand, machine: floor.Floor, row: rows.Row) -> list[pairs.Pair]:
    def leg(side: str) -> Leg:
        os.sync()
        try:
            return row.leg(stand, side)
        except FAILURES as error:
            raise LegFailed(f"{type(error).__name__}: {error}") from error

    side = ""
    try:
        for side in stand.kinds:
            if row.prepare is not None:
                row.prepare(stand, side)
            if row.warm:
                leg(side)
        legs = {side: (lambda side=side: leg(side)) for side in stand.kinds}
        wanted = min(row.pairs, 2) if stand.quick else row.pairs
        return pairs.measure(legs, lambda: machine.look(row.floor), wanted)
    except (LegFailed, *FAILURES) as error:
        return [pairs.Pair("", wrong=f"before the first pair: {side}: {error}")]
    finally:
        stand.end_row()


def why_not(row: rows.Row, can_cap: bool, tools: str | None) -> str | None:
    """Why a row cannot be run here; None if it can."""
    if row.needs_cap and not can_cap:
        return "CPU time cannot be capped here"
    if row.java_tools and tools is not None:
        return tools
    return None


def nats_figures(folder: Path, missing: list[str], versions: dict[str, str]) -> dict[str, float]:
    """The median of three starts, and what it holds when idle."""
    found: list[tuple[float, float]] = []
    try:
        for number in range(3):
            with nats.Nats(folder, f"nats-{number}") as broker:
                versions["NATS"] = broker.version()
                seconds = broker.first_record("first")
                time.sleep(2)
                found.append((1000 * seconds, broker.memory_mib()))
    except (*FAILURES, ValueError) as reason:
        missing.append(f"NATS: {reason}")
        return {}
    return {"start, ms": sorted(found)[1][0], "idle RSS, MiB": sorted(found)[1][1]}


def machine_text() -> dict[str, str]:
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine(),
    )  # fmt: skip
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / (1 << 20)
    return {
        "processor": cpu,
        "processors": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "load before": Path("/proc/loadavg").read_text().split()[0],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench peers")
    parser.add_argument("--rows", help="only rows whose names contain one of these, by commas")
    parser.add_argument("--quick", action="store_true", help="less of everything, in ten minutes")
    parser.add_argument("--record", action="store_true", help="write tests/bench/RESULTS.md")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    parser.add_argument("--folder", type=Path, help="where brokers keep their data, on a real disk")
    parser.add_argument("--out", type=Path, default=ROOT / "build/bench", help="for the reports")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{row.name}: {row.question}" for row in ALL))
        return 0
    wanted = chosen(options)
    if not wanted:
        print(f"no row's name contains {options.rows}; --list names them", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every broker is ended

    begin = time.monotonic()
    artifacts.rdkafka_performance()  # nothing can be measured without it
    kinds, missing = rows.peers()
    tools: str | None = None
    try:
        artifacts.kafka_tools_jars()
    except artifacts.Missing as reason:
        tools = str(reason)
        missing.append(tools)
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="millrace-bench-", dir=options.folder or Path("/var/tmp")
    ) as name:
        folder = Path(name)
        floor.touch_disk(folder, TOUCH_MB_QUICK if options.quick else TOUCH_MB)
        machine = floor.Floor(folder)
        found = report.Report(machine_text(), options.quick, machine.limits(), missing=missing)
        with rows.Stand(folder, options.quick, kinds) as stand:
            for side in kinds:
                broker = stand.broker(side)
                found.versions[broker.kind] = broker.version()
                found.accounting = broker.group.what
                can_cap = broker.group.can_cap
            print(report.head(found), flush=True)
            for row in wanted:
                result = report.Result(row, skipped=why_not(row, can_cap, tools))
                row_begin = time.monotonic()
                if result.skipped is None:
                    result.pairs = run_row(stand, machine, row)
                result.seconds = time.monotonic() - row_begin
                found.results.append(result)
                print(report.lines_of(result, found.limits), flush=True)
        found.nats = nats_figures(folder, missing, found.versions)
        found.limits_after = machine.limits()
    found.seconds = time.monotonic() - begin
    print(report.tail(found))
    report.write(found, options.out)
    if options.record:
        report.record(found, ROOT / "tests/bench/RESULTS.md")
    return 1 if any(result.failed() for result in found.results) else 0


if __name__ == "__main__":
    sys.exit(main())
