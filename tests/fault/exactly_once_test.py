"""A copier in transactions, and the broker, killed again and again: the copy is exact.

franz-go consumes, produces and commits in one transaction after the other (version 2, KIP-890).
MILLRACE_LONG makes it three minutes; MILLRACE_SEED repeats the times of the kills.
"""

import os
import random
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
import languages
from harness import Broker

KILLS = int(os.environ.get("MILLRACE_KILLS", 72 if harness.LONG else 6))
RECORDS = 30_000 if harness.LONG else 6_000
SEED = int(os.environ.get("MILLRACE_SEED", time.time_ns() % 1_000_000))


class ExactlyOnce(unittest.TestCase):
    def test_a_copier_that_is_killed_copies_everything_once_and_in_order(self) -> None:
        program = languages.go_program("franz")
        chance = random.Random(SEED)
        print(f"MILLRACE_SEED={SEED}")
        settings = {
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
        }
        with Broker(settings) as broker:

            def run(what: str) -> subprocess.CompletedProcess[str]:
                return subprocess.run(
                    [program, broker.address, what, str(RECORDS)],
                    capture_output=True, text=True, timeout=290,
                )  # fmt: skip

            filled = run("fill")
            self.assertEqual(filled.returncode, 0, filled.stderr[-2000:])

            copier: subprocess.Popen[bytes] | None = None

            def copy() -> None:
                nonlocal copier
                if copier is None or copier.poll() is not None:
                    copier = subprocess.Popen(
                        [program, broker.address, "copy", str(RECORDS)],
                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )  # fmt: skip

            try:
                for _ in range(KILLS):
                    end = time.monotonic() + chance.uniform(1, 4)
                    while time.monotonic() < end:
                        copy()  # one that met a dead broker may have given up
                        time.sleep(0.05)
                    if chance.random() < 0.5:
                        copier.kill()
                        copier.wait()
                    if chance.random() < 0.7:
                        broker.kill()
                        broker.start()
                end = time.monotonic() + 250
                check = subprocess.Popen(
                    [program, broker.address, "check", str(RECORDS)],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )  # fmt: skip
                while check.poll() is None and time.monotonic() < end:
                    copy()
                    time.sleep(0.05)
                check.kill()
                _, complaint = check.communicate()
                self.assertEqual(check.returncode, 0, complaint[-2000:])
            finally:
                if copier is not None:
                    copier.kill()
                    copier.wait()


if __name__ == "__main__":
    harness.main()
