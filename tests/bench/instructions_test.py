"""How many instructions do 100,000 records cost the broker, in and out?

callgrind counts those of a fixed script: one connection produces batches of 100 records of 100 B, one
request after the other, and reads all of it back. The cost of the start is taken off by running the
script with a tenth of the records as well. The sum hardly moves from run to run, whatever else the
machine does; growth of more than 3 % against instructions.txt fails. After a gain, or growth that is
meant:

    instructions_test.py --accept     writes the new figure; the commit says why it changed

It counts the binary of the dev preset, which is what is tested, compiled with less optimisation than
what ships.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "interop"), str(HERE / "peers")]

import admin
import harness
import wire
from brokers import die_with_parent, free_port

RECORDS, FEW = 100_000, 10_000
PER_BATCH = 100
VALUE = b"v" * 100
GROWTH_MAX = 0.03
FIGURE = HERE / "instructions.txt"
SECONDS = 100


def script(port: int, records: int) -> None:
    admin.create_topic(port, "counted", 1, {})
    batch = wire.batch(b"".join(wire.record(i, VALUE) for i in range(PER_BATCH)), PER_BATCH)
    request = wire.request(wire.PRODUCE, 7, wire.produce("counted", batch))
    with wire.Line(port, SECONDS) as line:
        for _ in range(records // PER_BATCH):
            line.send(request)
            line.answer()
        offset, bytes_max = 0, 6 * len(batch)
        while offset < records:
            answer = line.ask(wire.FETCH, 4, wire.fetch("counted", offset, bytes_max))
            batches = answer.count(batch[16:])  # all but base offset, length and leader epoch
            if batches == 0:
                raise AssertionError(f"a fetch from offset {offset} brought nothing")
            offset += PER_BATCH * batches
    if admin.record_count(port, "counted", 1) != records:
        raise AssertionError("there are other records than those that were produced")


def instructions(binary: Path, folder: Path, records: int) -> int:
    """Of a whole life of a broker that serves the script."""
    counts, port = folder / f"counts-{records}", free_port()
    settings = {"log.dirs": str(folder / f"data-{records}"), "shards": "1", "log.flush.mode": "async",
                "listeners": f"PLAINTEXT://127.0.0.1:{port}"}  # fmt: skip
    pairs = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={counts}", str(binary),
               "start", *pairs]  # fmt: skip
    with harness.running(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=die_with_parent
    ) as broker:

        def serves() -> bool:
            if broker.poll() is not None:
                raise unittest.SkipTest(f"valgrind cannot run it: {broker.stderr.read()[-300:]!r}")
            return admin.serves(port)

        harness.wait_for("broker under valgrind", SECONDS, serves)
        script(port, records)
        broker.send_signal(signal.SIGTERM)
        broker.wait(SECONDS)
    found = re.search(r"^totals: (\d+)", counts.read_text(encoding="utf-8"), re.MULTILINE)
    return int(found[1])


def counted() -> int:
    """Instructions for each record that is produced and fetched."""
    try:
        subprocess.run(["valgrind", "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise unittest.SkipTest("valgrind is not installed") from None
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as name:
        folder = Path(name)
        # Debian's valgrind does not understand the debug information of this compiler.
        binary = folder / "millrace"
        subprocess.run(["objcopy", "--strip-debug", harness.BINARY, binary], check=True)
        some, all_of_them = (instructions(binary, folder, count) for count in (FEW, FEW + RECORDS))
    return round((all_of_them - some) / RECORDS)


class Instructions(unittest.TestCase):
    def test_a_record_costs_no_more_than_it_did(self) -> None:
        before, now = int(FIGURE.read_text(encoding="ascii")), counted()
        print(f"{now} instructions for each record; {FIGURE.name} says {before}")
        self.assertLess(
            now / before - 1, GROWTH_MAX,
            f"{now} instructions for each record instead of {before}. If that is meant, say why in"
            f" the commit, with what {os.path.relpath(__file__, harness.ROOT)} --accept writes",
        )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:] == ["--accept"]:
        FIGURE.write_text(f"{counted()}\n", encoding="ascii")
    else:
        harness.main()
