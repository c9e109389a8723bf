"""A leg that did less than it was asked to is failed, not fast."""

import sys
import unittest
from pathlib import Path

import generators
import legs
from legs import LegFailed

HEAD = "|    elapsed |       msgs |      bytes |        rtt |         dr |     dr_m/s |    dr_MB/s |     dr_err |     tx_err |       outq |     offset \n"  # fmt: skip
PRODUCED = (
    "% Sending 100 messages of size 10 bytes\n" + HEAD
    + "|        100 |         50 |        500 |          0 |         40 |        400 |       0.00 |          0 |          0 |          0 |         -1 \n"
    + "|        200 |        100 |       1000 |          0 |         99 |        495 |       0.00 |          1 |          0 |          0 |         -1 \n"
)  # fmt: skip
CONSUMED = (
    "|    elapsed |       msgs |      bytes |        rtt |        m/s |       MB/s |     rx_err |     offset \n"
    "|        500 |       1000 |      20000 |          0 |       2000 |       0.04 |          0 |        999 \n"
)  # fmt: skip


class Needs(unittest.TestCase):
    def test_fewer_records_fail(self) -> None:
        with self.assertRaisesRegex(LegFailed, "consumed: 9 records instead of 10"):
            legs.need_all("consumed", 10, 9)
        legs.need_all("consumed", 10, 10)

    def test_more_records_fail_as_well(self) -> None:
        with self.assertRaises(LegFailed):
            legs.need_all("found in the log", 10, 11)

    def test_a_rate_that_was_not_reached_fails(self) -> None:
        with self.assertRaisesRegex(LegFailed, "the rate was 880 records/s instead of 1000"):
            legs.need_rate(1000, 880)
        legs.need_rate(1000, 950)

    def test_a_broker_that_died_fails(self) -> None:
        with self.assertRaisesRegex(LegFailed, "kafka died"):
            legs.need_alive("kafka", 7, None)
        with self.assertRaisesRegex(LegFailed, "kafka was started anew"):
            legs.need_alive("kafka", 7, 8)
        legs.need_alive("kafka", 7, 7)


class Percentiles(unittest.TestCase):
    def test_they_are_values_that_were_measured(self) -> None:
        values = [float(n) for n in range(1000, 0, -1)]
        self.assertEqual(legs.percentile(values, 0.5), 500)
        self.assertEqual(legs.percentile(values, 0.99), 990)
        self.assertEqual(legs.percentile(values, 0.999), 999)
        self.assertEqual(legs.percentile([3.0], 0.5), 3)

    def test_of_nothing_there_is_none(self) -> None:
        with self.assertRaises(LegFailed):
            legs.percentile([], 0.5)


class Reading(unittest.TestCase):
    def test_a_producers_table(self) -> None:
        told = generators.read_table(PRODUCED)
        self.assertEqual((told.records, told.seconds, told.failed), (99, 0.2, 1))
        self.assertEqual(told.rate, 495)
        self.assertEqual(len(told.progress), 2)
        self.assertAlmostEqual(told.progress[0][1], 0.0004)

    def test_a_consumers_table(self) -> None:
        told = generators.read_table(CONSUMED)
        self.assertEqual((told.records, told.seconds, told.failed), (1000, 0.5, 0))

    def test_no_table_fails(self) -> None:
        with self.assertRaisesRegex(LegFailed, "no table"):
            generators.read_table("% Sending 100 messages\n")

    def test_the_line_of_kafkas_consumer(self) -> None:
        line = "2026-01-01 00:00:00:000, 2026-01-01 00:00:02:000, 95.3, 47.6, 100000, 50000.0, 300, 1700, 56.1, 58823.5\n"
        told = generators.read_consumer_line("a warning\n" + line)
        self.assertEqual((told.records, told.seconds), (100000, 1.7))
        with self.assertRaises(LegFailed):
            generators.read_consumer_line("nothing\n")


class Programs(unittest.TestCase):
    """With Python in the place of a generator."""

    def run_it(self, program: str, seconds: float = 30) -> str:
        return generators.Running([sys.executable, "-c", program]).output(seconds)

    def test_an_exit_status_fails(self) -> None:
        with self.assertRaisesRegex(LegFailed, "ended with 3: no broker"):
            self.run_it("import sys; print('no broker', file=sys.stderr); sys.exit(3)")

    def test_a_producer_may_end_with_one_if_all_was_delivered(self) -> None:
        whole = PRODUCED.replace("|         99 |        495 |       0.00 |          1 |",
                                 "|        100 |        500 |       0.00 |          0 |")  # fmt: skip
        program = f"import sys; print({whole!r}); sys.exit(1)"
        told = generators.Running([sys.executable, "-c", program]).ended(30)
        self.assertEqual((told.records, told.failed), (100, 0))

    def test_refused_records_fail(self) -> None:
        program = f"print({PRODUCED!r})"
        with self.assertRaisesRegex(LegFailed, "1 records were refused"):
            generators.Running([sys.executable, "-c", program]).ended(30)

    def test_the_reason_is_what_was_refused_rather_than_a_warning(self) -> None:
        said = "% Message delivery failed (broker 1): too large\n|        100 |\n"
        told = generators.reason(said, "%4|CONFWARN| a property of consumers\n")
        self.assertEqual(told, "% Message delivery failed (broker 1): too large")

    def test_one_that_does_not_end_is_killed_and_fails(self) -> None:
        with self.assertRaisesRegex(LegFailed, "did not end"):
            self.run_it("input() if False else __import__('signal').pause()", seconds=0.2)

    def test_its_name_is_known(self) -> None:
        one = generators.Running([sys.executable, "-c", ""])
        self.assertEqual(one.name, Path(sys.executable).name)
        one.output()


if __name__ == "__main__":
    unittest.main()
