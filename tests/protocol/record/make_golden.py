#!/usr/bin/env python3
"""Writes golden.hpp: batches and message sets made by another implementation.

    /usr/bin/python3 tests/protocol/record/make_golden.py > tests/protocol/record/golden.hpp

needs Debian 12's python3-kafka (2.0.2), python3-lz4, python3-snappy and python3-zstandard.
"""

import struct
import textwrap
import types

import snappy
from kafka import codec
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.util import calc_crc32c

class ShortXxh32:
    """XXH32 of fewer than 16 bytes, all that an LZ4 frame header needs; the xxhash module is not
    in Debian 12."""

    P1, P2, P3, P4, P5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393

    def __init__(self, data):
        assert len(data) < 16
        rotate = lambda v, n: ((v << n) | (v >> (32 - n))) & 0xFFFFFFFF
        h = (self.P5 + len(data)) & 0xFFFFFFFF
        while len(data) >= 4:
            h = (h + struct.unpack("<I", data[:4])[0] * self.P3) & 0xFFFFFFFF
            h = rotate(h, 17) * self.P4 & 0xFFFFFFFF
            data = data[4:]
        for byte in data:
            h = rotate((h + byte * self.P5) & 0xFFFFFFFF, 11) * self.P1 & 0xFFFFFFFF
        h = (h ^ (h >> 15)) * self.P2 & 0xFFFFFFFF
        h = (h ^ (h >> 13)) * self.P3 & 0xFFFFFFFF
        self.value = h ^ (h >> 16)

    def digest(self):
        return struct.pack(">I", self.value)


codec.xxhash = types.SimpleNamespace(xxh32=ShortXxh32)

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
TIMESTAMP = 1_700_000_000_000


def batch(codec_id, producer=(-1, -1, -1), transactional=0):
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec_id, is_transactional=transactional,
        producer_id=producer[0], producer_epoch=producer[1], base_sequence=producer[2],
        batch_size=999999)
    builder.append(0, TIMESTAMP, b"key-0", b"value " * 50, [("h1", b"one"), ("h2", b"")])
    builder.append(1, TIMESTAMP + 1500, None, b"no key " * 20, [])
    builder.append(2, TIMESTAMP - 70, b"tombstone", None, [("\u00fc", b"\x00\xff")])
    return bytes(builder.build())


def raw_snappy_batch():
    """As librdkafka and franz-go frame it: one raw block."""
    plain = batch(0)
    body = bytearray(plain[:61] + snappy.compress(plain[61:]))
    struct.pack_into(">i", body, 8, len(body) - 12)
    struct.pack_into(">h", body, 21, 2)
    struct.pack_into(">I", body, 17, calc_crc32c(bytes(body[21:])))
    return bytes(body)


def message_set(magic, codec_id):
    builder = LegacyRecordBatchBuilder(magic=magic, compression_type=codec_id, batch_size=999999)
    for i in range(3):
        builder.append(i, TIMESTAMP + i if magic else None,
                       None if i == 1 else b"key-%d" % i, b"value " * (10 + i))
    return bytes(builder.build())


def emit(name, data):
    print("inline constexpr std::string_view %s =" % name)
    lines = textwrap.wrap(data.hex(), 88)
    print("\n".join('    "%s"' % line for line in lines) + ";\n")


def main():
    print("// Written by make_golden.py beside it; that says with what.")
    print("// clang-format off\n#pragma once\n\n#include <string_view>\n")
    print("namespace millrace::protocol::golden {\n")
    for name, codec_id in CODECS.items():
        emit("kBatch_" + name, batch(codec_id))
    emit("kBatch_snappy_raw", raw_snappy_batch())
    emit("kBatch_transactional", batch(0, (4242, 7, 2147483646), 1))
    for magic in (0, 1):
        for name in ("none", "gzip", "snappy", "lz4"):
            emit("kSet%d_%s" % (magic, name), message_set(magic, CODECS[name]))
    print("// 100,000 bytes of '0123456789' over and over.")
    plain = b"0123456789" * 10000
    emit("kDigits_gzip", codec.gzip_encode(plain))
    # The standard header checksum, computed as above: that the two agree proves it.
    frame = codec.lz4_encode(plain)
    assert ShortXxh32(frame[4:14]).digest()[-2:-1] == frame[14:15]
    emit("kDigits_lz4", frame)
    emit("kDigits_lz4_magic0", codec.lz4_encode_old_kafka(plain))
    emit("kDigits_snappy_raw", snappy.compress(plain))
    print("}  // namespace millrace::protocol::golden")


main()
