"""What the operator hears of errors that coordinators answer with, by requests made by hand; and
coordinators that are there as soon as somebody needs them."""

import struct
import unittest

import harness
from harness import Broker, wait_for
from wire import Line, i8, i16, i32, i64, text

HEARTBEAT, LEAVE_GROUP, FIND_COORDINATOR = 12, 13, 10
INIT_PRODUCER_ID, ADD_OFFSETS, END_TXN = 22, 25, 26
NONE, LOADING, NOT_AVAILABLE, NOT_COORDINATOR = 0, 14, 15, 16
UNKNOWN_MEMBER, INVALID_MAPPING = 25, 49
NOT_YET = (LOADING, NOT_AVAILABLE, NOT_COORDINATOR)
SECONDS = 20


class CoordinatorErrors(unittest.TestCase):
    def setUp(self) -> None:
        self.broker = self.enterContext(Broker())
        self.line = self.enterContext(Line(self.broker.port))

    def ask(self, api: int, version: int, body: bytes, error_at: int) -> tuple[int, bytes]:
        """The answer, and its error once the coordinator is there."""

        def settled() -> tuple[int, bytes] | None:
            answer = self.line.ask(api, version, body)
            error = struct.unpack_from(">h", answer, error_at)[0]
            return None if error in NOT_YET else (error, answer)

        return wait_for("the coordinator", SECONDS, settled)

    def lines_with(self, *words: str) -> list[str]:
        return [
            line for line in self.broker.log().splitlines() if all(word in line for word in words)
        ]

    def test_an_error_is_told_once_with_who_asked_for_what(self) -> None:
        self.ask(FIND_COORDINATOR, 1, text("orders\n") + i8(0), 4)
        body = text("orders\n") + i32(3) + text("app-\x1b7")
        for _ in range(50):
            self.assertEqual(self.ask(HEARTBEAT, 0, body, 0)[0], UNKNOWN_MEMBER)
        found = wait_for("a line", SECONDS, lambda: self.lines_with("UNKNOWN_MEMBER_ID"))
        self.assertEqual(len(found), 1, found)
        for part in ("Heartbeat", "group orders\\x0a", "member app-\\x1b7", "client raw", "127.0.0.1"):
            self.assertIn(part, found[0])
        # Another error of the same group has a line of its own.
        self.ask(LEAVE_GROUP, 0, text("orders\n") + text("app-8"), 0)
        wait_for("the other", SECONDS, lambda: self.lines_with("LeaveGroup", "member app-8"))

    def test_an_error_of_a_transaction_is_told_with_its_id(self) -> None:
        self.ask(FIND_COORDINATOR, 1, text("mover") + i8(1), 4)
        error, _ = self.ask(END_TXN, 0, text("mover") + i64(7) + i16(0) + i8(1), 4)
        self.assertEqual(error, INVALID_MAPPING)
        wait_for("a line", SECONDS, lambda: self.lines_with("EndTxn", "transactional id mover"))

    def test_offsets_join_a_transaction_before_anybody_looked_for_a_group(self) -> None:
        self.ask(FIND_COORDINATOR, 1, text("mover") + i8(1), 4)
        error, answer = self.ask(INIT_PRODUCER_ID, 0, text("mover") + i32(60_000), 4)
        self.assertEqual(error, NONE)
        producer = answer[6:16]
        error, _ = self.ask(ADD_OFFSETS, 0, text("mover") + producer + text("orders"), 4)
        self.assertEqual(error, NONE)


if __name__ == "__main__":
    harness.main()
