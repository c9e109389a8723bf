"""The checker finds each kind of broken promise, and nothing in a history that is in order."""

import unittest

from checker import History, Record, problems

A, B, C = (Record(0, i, value) for i, value in enumerate((b"a", b"b", b"c")))
OTHER = Record(1, 0, b"other")
SENT = {0: [b"a", b"b", b"c"], 1: [b"other"]}


class Checker(unittest.TestCase):
    def kinds(self, history: History, log: list[Record]) -> set[str]:
        return {line.split(":")[0] for line in problems(history, log)}

    def test_a_history_in_order_has_no_problem(self) -> None:
        history = History(SENT, acked=[A, B, C, OTHER], read=[A, OTHER])
        self.assertEqual(problems(history, [A, B, C, OTHER]), [])

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
        self.assertEqual(self.kinds(history, [A, Record(0, 2, b"b")]), {"moved"})

    def test_duplicated_is_found(self) -> None:
        again = Record(0, 2, b"b")
        self.assertEqual(self.kinds(History(SENT, acked=[A, B]), [A, B, again]), {"duplicated"})

    def test_a_duplicate_of_a_record_without_an_acknowledgement_is_found(self) -> None:
        again = Record(0, 2, b"b")
        self.assertEqual(self.kinds(History(SENT, acked=[A]), [A, B, again]), {"duplicated"})

    def test_reordered_is_found(self) -> None:
        log = [A, Record(0, 1, b"c"), Record(0, 2, b"b")]
        self.assertEqual(self.kinds(History(SENT, acked=[A]), log), {"reordered"})

    def test_invented_is_found(self) -> None:
        log = [A, Record(0, 1, b"never")]
        self.assertEqual(self.kinds(History(SENT, acked=[A]), log), {"invented"})

    def test_a_record_in_a_partition_it_was_not_sent_to_is_found(self) -> None:
        log = [A, Record(1, 0, b"b")]
        self.assertEqual(self.kinds(History(SENT, acked=[A, B]), log), {"invented", "lost"})

    def test_offsets_that_go_back_are_found(self) -> None:
        log = [Record(0, 1, b"a"), Record(0, 1, b"b")]
        self.assertEqual(self.kinds(History(SENT), log), {"offsets"})

    def test_what_a_reader_saw_and_is_gone_is_found(self) -> None:
        history = History(SENT, acked=[A], read=[A, B])
        self.assertEqual(self.kinds(history, [A]), {"vanished"})

    def test_many_problems_of_a_kind_are_counted(self) -> None:
        values = [b"%d" % i for i in range(100)]
        history = History({0: values}, acked=[Record(0, i, v) for i, v in enumerate(values)])
        self.assertEqual(problems(history, [])[-1], "... and 95 more like it")


if __name__ == "__main__":
    unittest.main(verbosity=2)
