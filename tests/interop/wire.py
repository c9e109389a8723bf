"""The protocol by hand, so that it can be spoken wrongly: frames, requests, record batches."""

import gzip
import socket
import struct
import time

import zstandard

API_VERSIONS, METADATA, PRODUCE, FETCH, LIST_OFFSETS, CREATE_TOPICS = 18, 3, 0, 1, 2, 19
NONE, CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_TOPIC, UNSUPPORTED_VERSION, INVALID_RECORD = (
    0, 2, 10, 17, 35, 87,
)  # fmt: skip


def i8(value: int) -> bytes:
    return struct.pack(">b", value)


def i16(value: int) -> bytes:
    return struct.pack(">h", value)


def i32(value: int) -> bytes:
    return struct.pack(">i", value)


def i64(value: int) -> bytes:
    return struct.pack(">q", value)


def text(value: str | None) -> bytes:
    return i16(-1) if value is None else i16(len(value.encode())) + value.encode()


def data(value: bytes | None) -> bytes:
    return i32(-1) if value is None else i32(len(value)) + value


def array(*items: bytes) -> bytes:
    return i32(len(items)) + b"".join(items)


def varint(value: int) -> bytes:
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes(out) + bytes([rest])


def header(api: int, version: int, correlation: int = 7) -> bytes:
    """Request header v1, for versions from before the tagged fields; v2 goes on with b"\\0"."""
    return i16(api) + i16(version) + i32(correlation) + text("raw")


def frame(payload: bytes) -> bytes:
    return i32(len(payload)) + payload


def request(api: int, version: int, body: bytes, correlation: int = 7) -> bytes:
    return frame(header(api, version, correlation) + body)


class Line:
    """A connection that sends what it is told and reads with a deadline."""

    def __init__(self, port: int, seconds: float = 10) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, payload: bytes) -> None:
        self.socket.sendall(payload)

    def answer(self) -> bytes:
        """One response, without its length."""
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def ask(self, api: int, version: int, body: bytes) -> bytes:
        """The body of the answer to a well-formed request of a version without tagged fields."""
        self.send(request(api, version, body))
        return self.answer()[4:]

    def is_closed(self) -> bool:
        """True if the other side closes without having said anything."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def read_to_the_end(self) -> bytes:
        """What comes until the other side closes; it is told that no more will be sent."""
        got = bytearray()
        try:
            self.socket.shutdown(socket.SHUT_WR)
            while piece := self.socket.recv(1 << 16):
                got += piece
        except (ConnectionResetError, BrokenPipeError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
        return bytes(got)

    def _exactly(self, count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            piece = self.socket.recv(count - len(got))
            if not piece:
                raise ConnectionError("the other side closed the connection")
            got += piece
        return bytes(got)


# --- record batches ----------------------------------------------------------------------------


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def crc32c(payload: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in payload:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def record(delta: int, value: bytes, key: bytes | None = None) -> bytes:
    key_part = varint(-1) if key is None else varint(len(key)) + key
    body = b"\0" + varint(0) + varint(delta) + key_part + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(records: bytes, count: int = 1, codec: int = 0, *, magic: int = 2, base_offset: int = 0,
          length: int | None = None, crc: int | None = None, last_delta: int | None = None,
          attributes: int | None = None,
          producer: tuple[int, int, int] = (-1, -1, -1)) -> bytes:  # fmt: skip
    """A record batch v2. Every field that a broker must not trust can be set to a lie."""
    now = int(time.time() * 1000)
    checked = (
        i16(codec if attributes is None else attributes)
        + i32(count - 1 if last_delta is None else last_delta)
        + i64(now) + i64(now) + i64(producer[0]) + i16(producer[1]) + i32(producer[2])
        + i32(count) + records
    )  # fmt: skip
    crc = crc32c(checked) if crc is None else crc
    length = 9 + len(checked) if length is None else length
    return i64(base_offset) + i32(length) + i32(-1) + i8(magic) + struct.pack(">I", crc) + checked


GZIP, ZSTD = 1, 4


def zeros_compressed(codec: int, megabytes: int) -> bytes:
    """One record of so many MiB of zeros: with gzip a thousandth of that, with zstd far less."""
    size = megabytes << 20
    body = b"\0" + varint(0) + varint(0) + varint(-1) + varint(size) + bytes(size) + varint(0)
    records = varint(len(body)) + body
    if codec == GZIP:
        return gzip.compress(records, compresslevel=6)
    return zstandard.ZstdCompressor(level=1).compress(records)


# --- requests ----------------------------------------------------------------------------------


def produce(
    topic: str | None,
    records: bytes | None,
    acks: int = -1,
    partition: int = 0,
    transactional_id: str | None = None,
) -> bytes:
    """The body of Produce v7 for one partition."""
    share = i32(partition) + data(records)
    return text(transactional_id) + i16(acks) + i32(5000) + array(text(topic) + array(share))


def produce_error(line: Line, topic: str, records: bytes | None, partition: int = 0) -> int:
    """Sends Produce v7 for one partition and returns that partition's error code."""
    answer = line.ask(PRODUCE, 7, produce(topic, records, partition=partition))
    return struct.unpack_from(">h", answer, 4 + 2 + len(topic.encode()) + 4 + 4)[0]


def fetch(topic: str, offset: int, bytes_max: int, wait_ms: int = 0) -> bytes:
    """The body of Fetch v4 for partition 0."""
    partition = i32(0) + i64(offset) + i32(bytes_max)
    head = i32(-1) + i32(wait_ms) + i32(1) + i32(bytes_max) + i8(0)
    return head + array(text(topic) + array(partition))


def end_offset(line: Line, topic: str) -> int:
    """ListOffsets v1: the offset that the next record of partition 0 will get."""
    body = i32(-1) + array(text(topic) + array(i32(0) + i64(-1)))
    answer = line.ask(LIST_OFFSETS, 1, body)
    error, _, offset = struct.unpack_from(">hqq", answer, 4 + 2 + len(topic) + 4 + 4)
    if error != NONE:
        raise AssertionError(f"ListOffsets answers error {error}")
    return offset


def create_topic(name: str | None, partitions: int = 1) -> bytes:
    """The body of CreateTopics v2."""
    topic = text(name) + i32(partitions) + i16(1) + array() + array()
    return array(topic) + i32(5000) + i8(0)


def create_topic_error(line: Line, name: str, partitions: int = 1) -> int:
    answer = line.ask(CREATE_TOPICS, 2, create_topic(name, partitions))
    return struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name.encode()))[0]


def served_versions(line: Line) -> dict[int, range]:
    """ApiVersions v0: what the broker says that it serves."""
    answer = line.ask(API_VERSIONS, 0, b"")
    error, count = struct.unpack_from(">hi", answer)
    if error != NONE:
        raise AssertionError(f"ApiVersions answers error {error}")
    triples = (struct.unpack_from(">hhh", answer, 6 + 6 * i) for i in range(count))
    return {key: range(first, last + 1) for key, first, last in triples}
