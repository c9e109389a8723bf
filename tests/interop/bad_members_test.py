"""What members of groups and owners of transactions get wrong: the code that tells them, and no change.

Each test looks at the group (or the transaction) before and after, with a description and the
committed offsets, byte by byte.
"""

import struct
import unittest
import uuid

import harness
import wire
from harness import Broker
from wire import Line, array, data, i8, i16, i32, i64, text

FIND_COORDINATOR, JOIN, HEARTBEAT, LEAVE, SYNC, DESCRIBE = 10, 11, 12, 13, 14, 15
OFFSET_COMMIT, OFFSET_FETCH, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN = 8, 9, 22, 24, 26
DESCRIBE_TRANSACTIONS, CONSUMER_HEARTBEAT, CONSUMER_DESCRIBE = 65, 68, 69

UNKNOWN_SERVER_ERROR, UNKNOWN_TOPIC, OFFSET_METADATA_TOO_LARGE, ILLEGAL_GENERATION, UNKNOWN_MEMBER = -1, 3, 12, 22, 25
INVALID_REQUEST, INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_ID, TIMEOUT_TOO_LONG = 42, 47, 49, 50
FENCED_MEMBER_EPOCH, UNSUPPORTED_ASSIGNOR, BAD_REGEX = 110, 112, 128
MEGABYTE_KIB = 1024

TAGS = b"\0"


def uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def ctext(value: str | None) -> bytes:
    return b"\0" if value is None else uvarint(len(value.encode()) + 1) + value.encode()


def carray(items: list[bytes] | None) -> bytes:
    return b"\0" if items is None else uvarint(len(items) + 1) + b"".join(items)


class BadMembers(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        settings = {"group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "1000"}
        cls.broker = cls.enterClassContext(Broker(settings))
        with Line(cls.broker.port) as line:
            assert wire.create_topic_error(line, "topic", 2) == wire.NONE

    def setUp(self) -> None:
        self.line = self.enterContext(Line(self.broker.port, 60))
        self.group = self.id().rpartition(".")[2]
        self.find(0, self.group)

    def find(self, kind: int, key: str) -> None:
        """Until there is a coordinator: its topic is made by the first who asks."""

        def found() -> bool:
            answer = self.line.ask(FIND_COORDINATOR, 1, text(key) + i8(kind))
            return struct.unpack_from(">h", answer, 4)[0] == wire.NONE

        harness.wait_for("coordinator", 10, found)

    # --- classic groups ---

    def join(self, group: str, *, user_data: bytes = b"", synced: int = 0) -> tuple[int, str]:
        """Makes a stable group of one; its generation and the member's id."""
        subscription = b"\0\0" + array(text("topic")) + data(user_data)
        protocols = array(text("range") + data(subscription))
        body = text(group) + i32(60000) + i32(60000) + text("") + text("consumer") + protocols
        answer = self.line.ask(JOIN, 3, body)
        error, generation = struct.unpack_from(">hi", answer, 4)
        self.assertEqual(error, wire.NONE)
        at = 10
        words = []
        for _ in range(3):  # protocol, leader, member
            size = struct.unpack_from(">h", answer, at)[0]
            words.append(answer[at + 2 : at + 2 + size].decode())
            at += 2 + size
        member = words[2]
        self.assertEqual(self.sync(group, generation, member), synced)
        return generation, member

    def sync(self, group: str, generation: int, member: str) -> int:
        shares = array(text(member) + data(b"\0\0\0\0\0\0" + data(b"")))
        answer = self.line.ask(SYNC, 2, text(group) + i32(generation) + text(member) + shares)
        return struct.unpack_from(">h", answer, 4)[0]

    def heartbeat(self, group: str, generation: int, member: str) -> int:
        answer = self.line.ask(HEARTBEAT, 2, text(group) + i32(generation) + text(member))
        return struct.unpack_from(">h", answer, 4)[0]

    def leave(self, group: str, member: str) -> int:
        return struct.unpack_from(">h", self.line.ask(LEAVE, 2, text(group) + text(member)), 4)[0]

    def commit(
        self, group: str, generation: int, member: str, *, topic: str = "topic", partition: int = 0,
        offset: int = 1, metadata: str = "",
    ) -> int:  # fmt: skip
        """OffsetCommit v8: the first with tagged fields, so that metadata may be of any size."""
        place = i32(partition) + i64(offset) + i32(-1) + ctext(metadata) + TAGS
        topics = carray([ctext(topic) + carray([place]) + TAGS])
        body = ctext(group) + i32(generation) + ctext(member) + ctext(None) + topics + TAGS
        answer = self.line.ask(OFFSET_COMMIT, 8, TAGS + body)
        return struct.unpack_from(">h", answer, 1 + 4 + 1 + 1 + len(topic) + 1 + 4)[0]

    def state(self, group: str) -> tuple[bytes, bytes]:
        described = self.line.ask(DESCRIBE, 3, array(text(group)) + i8(0))
        offsets = self.line.ask(OFFSET_FETCH, 5, text(group) + i32(-1))
        return described, offsets

    def test_a_member_that_nobody_knows(self) -> None:
        generation, member = self.join(self.group)
        self.assertEqual(self.commit(self.group, generation, member, offset=5), wire.NONE)
        before = self.state(self.group)
        for stranger in ("nobody", "x" * 30000):
            self.assertEqual(self.heartbeat(self.group, generation, stranger), UNKNOWN_MEMBER)
            self.assertEqual(self.sync(self.group, generation, stranger), UNKNOWN_MEMBER)
            self.assertEqual(self.leave(self.group, stranger), UNKNOWN_MEMBER)
            self.assertEqual(self.commit(self.group, generation, stranger), UNKNOWN_MEMBER)
        self.assertEqual(self.commit(self.group, -1, ""), UNKNOWN_MEMBER)  # the group is not empty
        self.assertEqual(self.state(self.group), before)
        self.assertEqual(self.heartbeat(self.group, generation, member), wire.NONE)

    def test_a_generation_that_is_over_or_never_was(self) -> None:
        generation, member = self.join(self.group)
        self.assertEqual(self.commit(self.group, generation, member, offset=5), wire.NONE)
        before = self.state(self.group)
        for wrong in (generation - 1, generation + 1, 2**31 - 1):
            self.assertEqual(self.heartbeat(self.group, wrong, member), ILLEGAL_GENERATION)
            self.assertEqual(self.sync(self.group, wrong, member), ILLEGAL_GENERATION)
            self.assertEqual(self.commit(self.group, wrong, member), ILLEGAL_GENERATION)
        self.assertEqual(self.commit(f"{self.group}-none", 1, member), ILLEGAL_GENERATION)
        self.assertEqual(self.state(self.group), before)

    def test_a_member_of_another_group(self) -> None:
        other = f"{self.group}-other"
        generation, member = self.join(self.group)
        other_generation, other_member = self.join(other)
        self.assertEqual(self.commit(self.group, generation, member, offset=5), wire.NONE)
        before = self.state(self.group)
        self.assertEqual(self.commit(self.group, other_generation, other_member), UNKNOWN_MEMBER)
        self.assertEqual(self.heartbeat(self.group, other_generation, other_member), UNKNOWN_MEMBER)
        self.assertEqual(self.leave(self.group, other_member), UNKNOWN_MEMBER)
        self.assertEqual(self.state(self.group), before)
        self.assertEqual(self.heartbeat(other, other_generation, other_member), wire.NONE)

    def test_a_hundred_megabytes_in_a_subscription(self) -> None:
        large = f"{self.group}-large"
        # No record of a group may be larger than max.message.bytes of the topic that keeps it.
        _, member = self.join(large, user_data=bytes(99_000_000), synced=UNKNOWN_SERVER_ERROR)
        self.assertEqual(self.leave(large, member), wire.NONE)
        small = self.join(large)
        self.assertEqual(self.heartbeat(large, *small), wire.NONE)
        memory = self.broker.memory_kib("VmRSS")
        for i in range(4):
            _, member = self.join(
                f"{large}{i}", user_data=bytes(99_000_000), synced=UNKNOWN_SERVER_ERROR
            )
            self.assertEqual(self.leave(f"{large}{i}", member), wire.NONE)
        self.assertLess(self.broker.memory_kib("VmRSS") - memory, 250 * MEGABYTE_KIB)

    def test_partitions_that_do_not_exist(self) -> None:
        generation, member = self.join(self.group)
        before = self.state(self.group)
        for place in ({"topic": "nowhere"}, {"partition": 2}, {"partition": -1}):
            self.assertEqual(self.commit(self.group, generation, member, **place), UNKNOWN_TOPIC)
        self.assertEqual(self.state(self.group), before)

    def test_a_hundred_megabytes_of_metadata(self) -> None:
        generation, member = self.join(self.group)
        self.assertEqual(self.commit(self.group, generation, member, offset=5), wire.NONE)
        before = self.state(self.group)
        for size in (4097, 32767):
            error = self.commit(self.group, generation, member, metadata="x" * size)
            self.assertEqual(error, OFFSET_METADATA_TOO_LARGE)
        for _ in range(3):  # more than a string may have: that is no request
            with self.assertRaises(ConnectionError):
                self.commit(self.group, generation, member, metadata="x" * 100_000_000)
            self.line = self.enterContext(Line(self.broker.port, 60))
        self.assertEqual(self.state(self.group), before)
        accepted = self.commit(self.group, generation, member, metadata="x" * 4096)
        self.assertEqual(accepted, wire.NONE)

    # --- the consumer protocol ---

    def beat(
        self, group: str, member: str, epoch: int, *, topics: list[str] | None = None,
        regex: str | None = None, assignor: str | None = None,
        owned: list[bytes] | None = None, rebalance_ms: int = 60000,
    ) -> tuple[int, int]:  # fmt: skip
        """ConsumerGroupHeartbeat v1; the error and the epoch that is told."""
        body = (
            ctext(group) + ctext(member) + i32(epoch) + ctext(None) + ctext(None) + i32(rebalance_ms)
            + carray(None if topics is None else [ctext(topic) for topic in topics])
            + ctext(regex) + ctext(assignor) + carray(owned) + TAGS
        )  # fmt: skip
        answer = self.line.ask(CONSUMER_HEARTBEAT, 1, TAGS + body)
        error = struct.unpack_from(">h", answer, 1 + 4)[0]
        at = 7
        for _ in range(2):  # message, member id
            at += max(answer[at], 1)
        return error, struct.unpack_from(">i", answer, at)[0] if error == wire.NONE else -1

    def consumer_state(self, group: str) -> tuple[bytes, bytes]:
        described = self.line.ask(
            CONSUMER_DESCRIBE, 1, TAGS + carray([ctext(group)]) + i8(0) + TAGS
        )
        return described, self.line.ask(OFFSET_FETCH, 5, text(group) + i32(-1))

    def join_consumers(self, group: str) -> tuple[str, int]:
        member = str(uuid.uuid4())
        error, epoch = self.beat(group, member, 0, topics=["topic"], owned=[])
        self.assertEqual(error, wire.NONE)
        return member, epoch

    def test_a_consumer_that_nobody_knows(self) -> None:
        _, epoch = self.join_consumers(self.group)
        before = self.consumer_state(self.group)
        stranger = str(uuid.uuid4())
        self.assertEqual(self.beat(self.group, stranger, epoch)[0], UNKNOWN_MEMBER)
        self.assertEqual(self.beat(self.group, stranger, -1)[0], UNKNOWN_MEMBER)
        self.assertEqual(self.consumer_state(self.group), before)

    def test_an_epoch_that_is_wrong(self) -> None:
        member, epoch = self.join_consumers(self.group)
        before = self.consumer_state(self.group)
        for wrong in (epoch + 1, 2**31 - 1):
            self.assertEqual(self.beat(self.group, member, wrong)[0], FENCED_MEMBER_EPOCH)
        self.assertEqual(self.beat(self.group, member, -3)[0], INVALID_REQUEST)
        self.assertEqual(self.consumer_state(self.group), before)
        self.assertEqual(self.beat(self.group, member, epoch)[0], wire.NONE)

    def test_a_regular_expression_that_is_none(self) -> None:
        self.join_consumers(self.group)
        before = self.consumer_state(self.group)
        for wrong in ("(", "[z-a]", "a{1001}", "*", "\\", "(?P<", "((((" * 1000):
            error, _ = self.beat(self.group, str(uuid.uuid4()), 0, regex=wrong, owned=[])
            self.assertEqual(error, BAD_REGEX, wrong[:20])
        self.assertEqual(self.consumer_state(self.group), before)

    def test_a_way_to_join_that_is_none(self) -> None:
        self.join_consumers(self.group)
        before = self.consumer_state(self.group)
        unknown = {"topics": ["topic"], "owned": [], "assignor": "nobody's"}
        cases = (
            (UNSUPPORTED_ASSIGNOR, unknown),
            (INVALID_REQUEST, {"topics": ["topic"], "owned": None}),
            (INVALID_REQUEST, {"topics": None, "owned": []}),
            (INVALID_REQUEST, {"topics": ["topic"], "owned": [], "rebalance_ms": -1}),
        )
        for want, fields in cases:
            error, _ = self.beat(self.group, str(uuid.uuid4()), 0, **fields)
            self.assertEqual(error, want, fields)
        nameless, _ = self.beat("", str(uuid.uuid4()), 0, topics=["topic"], owned=[])
        self.assertEqual(nameless, INVALID_REQUEST)
        self.assertEqual(self.consumer_state(self.group), before)

    # --- transactions ---

    def init(self, transactional: str | None, timeout_ms: int) -> tuple[int, int, int]:
        answer = self.line.ask(INIT_PRODUCER_ID, 1, text(transactional) + i32(timeout_ms))
        return struct.unpack_from(">hqh", answer, 4)

    def add(self, transactional: str, producer: int, epoch: int, partition: int = 0) -> int:
        places = array(text("topic") + array(i32(partition)))
        body = text(transactional) + i64(producer) + i16(epoch) + places
        answer = self.line.ask(ADD_PARTITIONS, 0, body)
        return struct.unpack_from(">h", answer, len(answer) - 2)[0]

    def end(self, transactional: str, producer: int, epoch: int) -> int:
        body = text(transactional) + i64(producer) + i16(epoch) + i8(1)
        return struct.unpack_from(">h", self.line.ask(END_TXN, 1, body), 4)[0]

    def transaction_state(self, transactional: str) -> bytes:
        body = TAGS + carray([ctext(transactional)]) + TAGS
        return self.line.ask(DESCRIBE_TRANSACTIONS, 0, body)

    def test_a_timeout_above_the_maximum(self) -> None:
        self.find(1, self.group)
        error, producer, epoch = self.init(self.group, 60000)
        self.assertEqual(error, wire.NONE)
        before = self.transaction_state(self.group)
        for wrong in (900_001, 2**31 - 1, 0, -1):
            self.assertEqual(self.init(self.group, wrong)[0], TIMEOUT_TOO_LONG, wrong)
        self.assertEqual(self.init("", 60000)[0], INVALID_REQUEST)
        self.assertEqual(self.transaction_state(self.group), before)
        self.assertEqual(self.add(self.group, producer, epoch), wire.NONE)

    def test_producers_that_do_not_own_the_transaction(self) -> None:
        self.find(1, self.group)
        _, producer, epoch = self.init(self.group, 60000)
        self.assertEqual(self.add(self.group, producer, epoch), wire.NONE)
        before = self.transaction_state(self.group)
        self.assertEqual(self.add(self.group, producer, epoch + 1), INVALID_PRODUCER_EPOCH)
        self.assertEqual(self.end(self.group, producer, epoch + 1), INVALID_PRODUCER_EPOCH)
        self.assertEqual(self.add(self.group, producer + 1, epoch), INVALID_PRODUCER_ID)
        self.assertEqual(self.end(self.group, producer + 1, epoch), INVALID_PRODUCER_ID)
        self.assertEqual(self.end(f"{self.group}-none", producer, epoch), INVALID_PRODUCER_ID)
        self.assertEqual(self.add(self.group, producer, epoch, partition=2), UNKNOWN_TOPIC)
        self.assertEqual(self.transaction_state(self.group), before)
        self.assertEqual(self.end(self.group, producer, epoch), wire.NONE)


if __name__ == "__main__":
    harness.main()
