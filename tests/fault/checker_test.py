"""The checker finds each kind of broken promise, and nothing in a history that is in order."""

import json
import tempfile
import unittest
from pathlib import Path

import history
from checker import History, Reader, Record, Transaction, problems

A, B, C = (Record(0, i, value) for i, value in enumerate((b"a", b"b", b"c")))
OTHER = Record(1, 0, b"other")
SENT = {0: [b"a", b"b", b"c"], 1: [b"other"]}
ALL = [A, B, C, OTHER]
# A reader sees the marker of a transaction as an offset that is missing.
BOTH = Transaction("t1", [(0, b"a"), (1, b"other")])


class Checker(unittest.TestCase):
    def kinds(self, history: History, log: list[Record]) -> set[str]:
        return {line.split(":")[0] for line in problems(history, log)}

    def test_a_history_in_order_has_no_problem(self) -> None:
        history = History(
            SENT,
            acked=[A, B, C, OTHER],
            read=[A, OTHER],
            transactions=[Transaction("t1", BOTH.wrote, "committed")],
            readers=[
                Reader("by-assignment", [A, B, OTHER, C]),
                Reader("group", [B, A, B], committed={0: 2, 1: 0}),
            ],
        )
        self.assertEqual(problems(history, ALL), [])

    def test_a_record_without_an_acknowledgement_may_be_there_or_not(self) -> None:
        self.assertEqual(problems(History(SENT, acked=[A]), [A, B]), [])
        self.assertEqual(problems(History(SENT, acked=[A]), [A]), [])

    def test_a_gap_in_the_offsets_is_allowed(self) -> None:
        late = Record(0, 9, b"b")
        self.assertEqual(problems(History(SENT, acked=[A, late]), [A, late]), [])

    def test_an_offset_that_is_not_known_is_not_compared(self) -> None:
        self.assertEqual(problems(History(SENT, acked=[Record(0, -1, b"b")]), [A, B]), [])

    def test_lost_is_found(self) -> None:
        self.assertEqual(self.kinds(History(SENT, acked=[A, B]), [A]), {"lost"})
        self.assertEqual(self.kinds(History(SENT, acked=[A]), []), {"lost"})
        self.assertEqual(self.kinds(History(SENT, acked=[Record(0, -1, b"b")]), [A]), {"lost"})

    def test_lost_in_the_middle_is_found(self) -> None:
        history = History(SENT, acked=[A, B, C])
        self.assertEqual(self.kinds(history, [A, C]), {"lost"})

    def test_another_record_at_an_acknowledged_offset_is_found(self) -> None:
        history = History(SENT, acked=[A, B])
        log = [A, Record(0, 2, b"b")]
        self.assertEqual(self.kinds(history, log), {"inconsistent offset"})

    def test_an_offset_that_two_readers_saw_with_different_records_is_found(self) -> None:
        readers = [Reader("r1", [A]), Reader("r2", [Record(0, 0, b"b")])]
        found = self.kinds(History(SENT, readers=readers), [A, B])
        self.assertEqual(found, {"inconsistent offset"})

    def test_an_offset_that_was_acknowledged_for_two_records_is_found(self) -> None:
        history = History(SENT, acked=[A, Record(0, 0, b"b")])
        self.assertIn("inconsistent offset", self.kinds(history, [A, B]))

    def test_duplicate_is_found(self) -> None:
        again = Record(0, 2, b"b")
        self.assertEqual(self.kinds(History(SENT, acked=[A, B]), [A, B, again]), {"duplicate"})

    def test_a_duplicate_of_a_record_without_an_acknowledgement_is_found(self) -> None:
        again = Record(0, 2, b"b")
        self.assertEqual(self.kinds(History(SENT, acked=[A]), [A, B, again]), {"duplicate"})

    def test_reordered_is_found(self) -> None:
        log = [A, Record(0, 1, b"c"), Record(0, 2, b"b")]
        self.assertEqual(self.kinds(History(SENT, acked=[A]), log), {"reordered"})

    def test_what_a_reader_was_shown_out_of_order_or_again_is_found(self) -> None:
        for shown in ([B, A], [A, B, A]):
            history = History(SENT, readers=[Reader("r", shown)])
            self.assertEqual(self.kinds(history, [A, B]), {"reordered"})

    def test_a_group_may_be_shown_a_record_again(self) -> None:
        history = History(SENT, readers=[Reader("g", [A, B, A, B], committed={0: 2})])
        self.assertEqual(problems(history, [A, B]), [])

    def test_invented_is_found(self) -> None:
        log = [A, Record(0, 1, b"never")]
        self.assertEqual(self.kinds(History(SENT, acked=[A]), log), {"invented"})

    def test_a_record_in_a_partition_it_was_not_sent_to_is_found(self) -> None:
        log = [A, Record(1, 0, b"b")]
        self.assertEqual(self.kinds(History(SENT, acked=[A, B]), log), {"invented", "lost"})

    def test_offsets_that_go_back_are_found(self) -> None:
        log = [Record(0, 1, b"a"), Record(0, 1, b"b")]
        self.assertEqual(self.kinds(History(SENT), log), {"inconsistent offset"})

    def test_what_a_reader_saw_and_is_gone_is_found(self) -> None:
        history = History(SENT, acked=[A], read=[A, B])
        self.assertEqual(self.kinds(history, [A]), {"vanished"})

    def test_what_a_reader_went_past_is_found(self) -> None:
        history = History(SENT, readers=[Reader("r", [A, C])])
        self.assertEqual(self.kinds(history, ALL), {"unseen"})

    def test_what_a_group_committed_past_and_was_not_shown_is_found(self) -> None:
        history = History(SENT, readers=[Reader("g", [A, C], committed={0: 3})])
        self.assertEqual(self.kinds(history, ALL), {"unseen"})
        history = History(SENT, readers=[Reader("g", [A], committed={0: 1})])
        self.assertEqual(problems(history, ALL), [])

    def test_a_record_of_an_aborted_transaction_is_found(self) -> None:
        aborted = [Transaction("t1", BOTH.wrote, "aborted")]
        history = History(SENT, transactions=aborted)
        self.assertEqual(self.kinds(history, [A]), {"aborted read"})
        self.assertEqual(self.kinds(history, [B]), set())

    def test_a_reader_that_was_shown_an_aborted_record_is_found(self) -> None:
        aborted = [Transaction("t1", BOTH.wrote, "aborted")]
        history = History(SENT, transactions=aborted, readers=[Reader("r", [A])])
        self.assertEqual(self.kinds(history, [B]), {"aborted read"})

    def test_a_transaction_of_which_a_part_is_there_is_found(self) -> None:
        for outcome in ("committed", "unknown"):
            history = History(SENT, transactions=[Transaction("t1", BOTH.wrote, outcome)])
            self.assertEqual(self.kinds(history, [A]), {"torn transaction"})

    def test_a_committed_transaction_of_which_nothing_is_there_is_found(self) -> None:
        history = History(SENT, transactions=[Transaction("t1", BOTH.wrote, "committed")])
        self.assertEqual(self.kinds(history, []), {"torn transaction"})
        history = History(SENT, transactions=[Transaction("t1", BOTH.wrote)])
        self.assertEqual(problems(history, []), [])

    def test_many_problems_of_a_kind_are_counted(self) -> None:
        values = [b"%d" % i for i in range(100)]
        history = History({0: values}, acked=[Record(0, i, v) for i, v in enumerate(values)])
        self.assertEqual(problems(history, [])[-1], "... and 95 more like it")


class Files(unittest.TestCase):
    """What the tellers write down is judged from the files alone."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def tell(self, teller: str, *events: tuple) -> None:
        with history.Teller(self.folder, teller) as file:
            for kind, *rest in events:
                getattr(file, kind)(*rest)

    def test_what_is_in_order_has_no_problem(self) -> None:
        self.tell("writer", ("sent", "t", 0, b"a"), ("acked", "t", 0, 0, b"a"))
        self.tell("reader", ("shown", "t", 0, 0, b"a"))
        self.tell("group-g-1", ("group", "g"), ("shown", "t", 0, 0, b"a"))
        self.tell("end", ("found", "t", 0, 0, b"a"), ("committed", "g", "t", 0, 1))
        self.assertEqual(history.judge(self.folder), [])

    def test_each_teller_counts(self) -> None:
        self.tell("writer", ("sent", "t", 0, b"a"), ("acked", "t", 0, 0, b"a"))
        self.assertIn("t: lost", history.judge(self.folder)[0])
        self.tell("end", ("found", "t", 0, 0, b"a"), ("committed", "g", "t", 0, 1))
        self.tell("group-g-1", ("group", "g"))
        self.assertIn("t: unseen: group g", history.judge(self.folder)[0])
        self.tell("group-g-2", ("group", "g"), ("shown", "t", 0, 0, b"a"))
        self.assertEqual(history.judge(self.folder), [])
        self.tell("copier", ("wrote", "t", "t1", 0, b"a"), ("ended", "t", "t1", "aborted"))
        self.assertIn("t: aborted read", history.judge(self.folder)[0])

    def test_a_copy_holds_its_source_once_and_in_order(self) -> None:
        self.tell("writer", ("sent", "t", 0, b"a"), ("sent", "t", 0, b"b"))
        self.tell("end", ("found", "t", 0, 0, b"a"), ("found", "t", 0, 1, b"b"))
        self.tell("copier", ("wrote", "c", "t1", 0, b"a|1"), ("wrote", "c", "t2", 0, b"a|2"))
        self.tell("end", ("found", "c", 0, 0, b"a|1"), ("copied", "c", "t", 0, 1))
        self.assertEqual(history.judge(self.folder), [])
        self.tell("end", ("found", "c", 0, 2, b"a|2"))
        self.assertIn("c as a copy of t: duplicate", history.judge(self.folder)[0])
        self.tell("end", ("copied", "c", "t", 0, 2))
        self.assertIn("c as a copy of t: lost", history.judge(self.folder)[1])

    def test_a_line_that_was_cut_off_by_a_kill_is_left_out(self) -> None:
        self.tell("writer", ("sent", "t", 0, b"a"))
        with (self.folder / "writer.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(["acked", "t", 0, 0, "a"])[:-3])
        self.assertEqual(history.judge(self.folder), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
