#!/usr/bin/env python3
"""Writes the golden messages in this folder: bytes that other implementations of the protocol make.

usage: make_golden.py        (rewrites every .txt file beside it; the result is the same each time)

It needs, in the Python that runs it, `pip install kio==0.6.5 kafka-python==3.0.12`, and Debian's
python3-kafka 2.0.2 in /usr/bin/python3. The tests do not: they read what was written.

For every message and version it walks the field list that Kafka publishes (kafka-python carries it
as JSON), makes values, hands them to each library that knows that version, and writes

    <version> <sample> <library> <hex of the encoded body> <JSON of the values>

into one file per message. Samples: `full` has a value everywhere and sets the tagged fields,
`sparse` has nulls, empty arrays and texts, and tagged fields at their defaults. The JSON is spelled
as protocol/wire/printer.hpp spells it, so that a test can compare the two texts.
All libraries must give the same bytes. The files of the group records, and of ConsumerGroupHeartbeat
and ConsumerGroupDescribe, are not made here: they are written by hand, for kafka-python has no field
lists of those.
"""

import base64
import dataclasses
import datetime
import importlib
import io
import json
import pathlib
import random
import re
import subprocess
import sys
import uuid

import kafka
from kafka.protocol.schemas.load_json import load_json
from kio.schema.errors import ErrorCode
from kio.serial import entity_writer

HERE = pathlib.Path(__file__).parent
DEBIAN_PYTHON = "/usr/bin/python3"

# Name and the versions that our messages describe.
APIS = {
    "Produce": (0, 13), "Fetch": (4, 18), "ListOffsets": (1, 11), "Metadata": (0, 13),
    "OffsetCommit": (2, 10), "OffsetFetch": (1, 10), "FindCoordinator": (0, 6),
    "JoinGroup": (0, 9), "Heartbeat": (0, 4), "LeaveGroup": (0, 5), "SyncGroup": (0, 5),
    "DescribeGroups": (0, 6), "ListGroups": (0, 5), "ApiVersions": (0, 4),
    "CreateTopics": (2, 7), "DeleteTopics": (1, 6), "DeleteRecords": (0, 2),
    "InitProducerId": (0, 5), "OffsetForLeaderEpoch": (2, 4), "DescribeConfigs": (1, 4),
    "DescribeLogDirs": (0, 5),
    "CreatePartitions": (0, 3), "DeleteGroups": (0, 2), "IncrementalAlterConfigs": (0, 1),
    "OffsetDelete": (0, 0), "DescribeCluster": (0, 2), "DescribeTopicPartitions": (0, 0),
    "AddPartitionsToTxn": (0, 5), "AddOffsetsToTxn": (0, 4), "EndTxn": (0, 5),
    "WriteTxnMarkers": (1, 2), "TxnOffsetCommit": (0, 5), "DescribeProducers": (0, 0),
    "DescribeTransactions": (0, 0), "ListTransactions": (0, 1),
    "AlterConfigs": (0, 2), "ElectLeaders": (0, 2), "AlterPartitionReassignments": (0, 1),
    "ListPartitionReassignments": (0, 0),
}
DATA = {"ConsumerProtocolSubscription": (0, 3), "ConsumerProtocolAssignment": (0, 3)}
MESSAGES = {f"{api}{side}": versions for api, versions in APIS.items()
            for side in ("Request", "Response")} | DATA

INTEGERS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
TEXTS = ["orders", "zürich-水", "a", 'q"\\uote', "grüße \U0001f980", "x.y_z-0"]


# The field list --------------------------------------------------------------------------------

def version_range(text):
    """(first, last) of Kafka's spelling of a range."""
    if text is None or text == "none":
        return (1, 0)
    if text.endswith("+"):
        return (int(text[:-1]), 32767)
    first, _, last = text.partition("-")
    return (int(first), int(last or first))


def within(version, text):
    first, last = version_range(text)
    return first <= version <= last


def fields_of(schema, version):
    return [f for f in schema["fields"] if within(version, f["versions"])]


def is_tagged(field, version):
    return "tag" in field and within(version, field.get("taggedVersions"))


def default_of(field, version):
    kind, text = field["type"], field.get("default")
    if text == "null":
        return None
    if kind.startswith("[]"):
        return []
    if "fields" in field:
        return {f["name"]: default_of(f, version) for f in fields_of(field, version)}
    if kind == "bool":
        return text in (True, "true")
    if kind in INTEGERS:
        return int(str(text), 0) if text not in (None, "") else 0
    if kind == "uuid":
        return uuid.UUID(int=0)
    if kind == "records":
        return None
    return b"" if kind == "bytes" else text or ""


# Values ----------------------------------------------------------------------------------------

class Values:
    """Makes the values of one sample, the same ones for the same seed."""

    def __init__(self, seed, full, version):
        self.random = random.Random(seed)
        self.full = full
        self.version = version

    def struct(self, schema):
        return {f["name"]: self.field(f) for f in fields_of(schema, self.version)}

    def field(self, field):
        nullable = within(self.version, field.get("nullableVersions"))
        if not self.full:
            if is_tagged(field, self.version):
                return default_of(field, self.version)
            if nullable and field["type"] != "[]FetchPartition":
                return None
        if field["type"].startswith("[]"):
            return self.array(field)
        return self.single(field, field["type"])

    def array(self, field):
        if self.full:
            count = self.random.choice([1, 2, 2])
        else:
            count = 1 if "fields" in field and self.random.random() < 0.8 else 0
        return [self.single(field, field["type"][2:]) for _ in range(count)]

    def single(self, field, kind):
        if "fields" in field:
            return self.struct(field)
        if kind == "bool":
            return self.full
        if kind in INTEGERS:
            return self.integer(field["name"], INTEGERS[kind])
        if kind == "uuid":
            return uuid.UUID(int=self.random.getrandbits(128) if self.full else 0)
        if kind == "string":
            return self.random.choice(TEXTS) if self.full else ""
        if kind in ("bytes", "records"):
            return self.random.randbytes(self.random.randint(1, 20)) if self.full else b""
        raise ValueError(kind)

    def integer(self, name, bits):
        if name.endswith("ErrorCode"):
            return self.random.choice([-1, 3, 6, 17, 42, 79, 100]) if self.full else 0
        if bits == 64 and ("Time" in name):
            return self.random.randint(1, 1 << 41) if self.full else -1
        if not self.full:
            return self.random.choice([-1, 0, 1])
        edge = self.random.choice([None, None, (1 << (bits - 1)) - 1, -(1 << (bits - 1))])
        return self.random.getrandbits(bits - 1) if edge is None else edge


# Text ------------------------------------------------------------------------------------------

def escaped(char):
    if char in '"\\':
        return "\\" + char
    return f"\\u{ord(char):04x}" if ord(char) < 0x20 or 0x7f <= ord(char) < 0x100 else char


def text_of(field, value, version, kind=None):
    """The value as protocol/wire/printer.hpp prints it."""
    kind = kind or field["type"]
    if value is None:
        return "null"
    if kind.startswith("[]"):
        return "[" + ", ".join(text_of(field, v, version, kind[2:]) for v in value) + "]"
    if "fields" in field:
        return struct_text(field, value, version)
    if kind == "bool":
        return "true" if value else "false"
    if kind == "uuid":
        return '"' + base64.urlsafe_b64encode(value.bytes).decode().rstrip("=") + '"'
    if kind == "int16" and field["name"].endswith("ErrorCode"):
        return '"' + ErrorCode(value).name.upper() + '"'
    if kind in INTEGERS:
        return str(value)
    if kind == "string":
        return '"' + "".join(c if ord(c) >= 0x80 else escaped(c) for c in value) + '"'
    return '"' + "".join(map(escaped, value.decode("latin-1"))) + '"'


# Tagged fields that only our messages have (protocol/messages/group_rebalance.hpp): the first version
# and the text at the default, behind the other fields of the struct.
OWN_FIELDS = {
    "DescribeGroupsRequest": (5, ['"IncludeRebalances": false']),
    "[]DescribedGroup": (5, ['"HistorySinceMs": -1', '"Rebalances": []']),
}


def struct_text(schema, value, version):
    parts = [f'"{f["name"][0].upper() + f["name"][1:]}": ' + text_of(f, value[f["name"]], version)
             for f in fields_of(schema, version)]
    first, own = OWN_FIELDS.get(schema.get("type", schema["name"]), (0, []))
    parts += own if version >= first else []
    return "{" + ", ".join(parts) + "}"


# kio: generated dataclasses, one per version ---------------------------------------------------

def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def kio_class(message, version):
    api = snake(re.sub(r"(Request|Response)$", "", message) if message not in DATA else message)
    side = "data" if message in DATA else ("request" if message.endswith("Request") else "response")
    try:
        module = importlib.import_module(f"kio.schema.{api}.v{version}.{side}")
    except ModuleNotFoundError:
        return None
    return getattr(module, message)


def kio_scalar(kafka_type, value):
    if kafka_type == "error_code":
        return ErrorCode(value)
    if kafka_type in ("timedelta_i32", "timedelta_i64"):
        return datetime.timedelta(milliseconds=value)
    if kafka_type == "datetime_i64":
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return None if value == -1 else epoch + datetime.timedelta(milliseconds=value)
    if kafka_type == "uuid":
        return None if value.int == 0 else value
    return value


def kio_type(annotation):
    """The dataclass inside `X`, `X | None`, `tuple[X, ...]` and `tuple[X, ...] | None`."""
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if hasattr(candidate, "__dataclass_fields__"):
            return candidate
        for inner in getattr(candidate, "__args__", ()):
            if hasattr(inner, "__dataclass_fields__"):
                return inner
    raise TypeError(annotation)


def kio_entity(cls, schema, value, version):
    """kio renames some fields but keeps their order, so they are matched by position."""
    fields = fields_of(schema, version)
    slots = dataclasses.fields(cls)
    assert len(fields) == len(slots), (cls, len(fields), len(slots))
    arguments = {}
    for field, slot in zip(fields, slots):
        given = value[field["name"]]
        if given is None:
            made = None
        elif "fields" in field:
            inner = kio_type(slot.type)
            made = (tuple(kio_entity(inner, field, v, version) for v in given)
                    if field["type"].startswith("[]") else kio_entity(inner, field, given, version))
        elif field["type"].startswith("[]"):
            made = tuple(kio_scalar(slot.metadata["kafka_type"], v) for v in given)
        else:
            made = kio_scalar(slot.metadata["kafka_type"], given)
        arguments[slot.name] = made
    return cls(**arguments)


def encode_kio(message, schema, value, version):
    cls = kio_class(message, version)
    if cls is None:
        return None
    out = io.BytesIO()
    entity_writer(cls)(out, kio_entity(cls, schema, value, version))
    return out.getvalue()


# kafka-python 3: one class for all versions, fed with dictionaries -----------------------------

def kafka_python_value(message, field, value, version):
    if value is None:
        return None
    if is_tagged(field, version) and value == default_of(field, version):
        return None if isinstance(value, (dict, uuid.UUID)) else value  # its word for "not sent"
    if "fields" in field:
        if field["type"].startswith("[]"):
            return [kafka_python_struct(message, field, v, version) for v in value]
        return kafka_python_struct(message, field, value, version)
    if field["name"].endswith("AuthorizedOperations") and \
            message != "DescribeTopicPartitionsResponse":  # it wants the numbers of the bits
        return {bit for bit in range(32) if value >> bit & 1}
    return value


def kafka_python_struct(message, schema, value, version):
    made = {snake(f["name"]): kafka_python_value(message, f, value[f["name"]], version)
            for f in fields_of(schema, version)}
    for name in list(made):
        if name.endswith("_authorized_operations"):  # it drops what is in front, in some messages
            made["authorized_operations"] = made[name]
    return made


def encode_kafka_python(message, schema, value, version):
    if message in DATA:
        return None
    cls = kafka_python_class(message)
    flexible = cls.flexible_version_q(version)
    return cls._struct.encode(kafka_python_struct(message, schema, value, version), version=version,
                              compact=flexible, tagged=flexible)


def kafka_python_class(message):
    for module in ("producer", "consumer", "metadata", "admin"):
        cls = getattr(importlib.import_module(f"kafka.protocol.{module}"), message, None)
        if cls is not None:
            return cls
    raise LookupError(message)


# Debian's kafka-python 2.0.2: hand-written schemas, fed by position ----------------------------

DEBIAN_ENCODER = r"""
import base64, importlib, json, sys
def plain(value):
    if isinstance(value, dict):
        return base64.b64decode(value["bytes"])
    return [plain(v) for v in value] if isinstance(value, list) else value
def find(name):
    for module in ("admin", "api", "commit", "fetch", "group", "metadata", "offset", "produce"):
        cls = getattr(importlib.import_module("kafka.protocol." + module), name, None)
        if cls is not None:
            return cls
def encode(cls, forms):
    for values in forms:
        try:
            return cls.SCHEMA.encode(tuple(plain(values))).hex()
        except Exception as error:
            problem = "!" + repr(error)
    return problem
for line in sys.stdin:
    name, *forms = json.loads(line)
    cls = find(name)
    print(encode(cls, forms) if cls else "", flush=True)
"""

# Names that version 2.0.2 has of its own.
DEBIAN_NAMES = {"FindCoordinator": "GroupCoordinator", "ListOffsets": "Offset"}


def positional(schema, value, version, bare):
    """The values in order; with `bare`, a struct of one field is that field."""
    made = []
    for field in fields_of(schema, version):
        given = value[field["name"]]
        if isinstance(given, bytes):
            given = {"bytes": base64.b64encode(given).decode()}
        elif "fields" in field and given is not None:
            given = [positional(field, v, version, bare) for v in given]
            if bare and len(fields_of(field, version)) == 1:
                given = [only for [only] in given]
        made.append(given)
    return made


# Where 2.0.2 is wrong, against both other libraries.
DEBIAN_MISTAKES = {
    ("ListOffsetsRequest", 4): "CurrentLeaderEpoch as int64",
    ("ListOffsetsRequest", 5): "CurrentLeaderEpoch as int64",
    ("DescribeConfigsResponse", 1): "ConfigSource as bool",
}


class Debian:
    def __init__(self):
        self.process = subprocess.Popen([DEBIAN_PYTHON, "-c", DEBIAN_ENCODER], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)

    def encode(self, message, schema, value, version):
        if message in DATA or within(version, schema["flexibleVersions"]):
            return None
        if (message, version) in DEBIAN_MISTAKES:
            return None
        api, side = re.fullmatch(r"(\w+?)(Request|Response)", message).groups()
        name = f"{DEBIAN_NAMES.get(api, api)}{side}_v{version}"
        forms = [positional(schema, value, version, bare) for bare in (True, False)]
        print(json.dumps([name, *forms]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline().strip()
        if line.startswith("!"):
            raise ValueError(line[1:])
        return bytes.fromhex(line) or None


# Everything ------------------------------------------------------------------------------------

def main():
    debian = Debian()
    libraries = {
        "kio-0.6.5": encode_kio,
        f"kafka-python-{kafka.__version__}": encode_kafka_python,
        "debian-kafka-python-2.0.2": debian.encode,
    }
    failures = 0
    for message, (first, last) in MESSAGES.items():
        schema = load_json(message)
        lines = [f"# {message}: version, sample, library, bytes, values; made by make_golden.py\n"]
        for version in range(first, last + 1):
            for sample in ("full", "sparse"):
                value = Values(f"{message}/{version}/{sample}", sample == "full",
                               version).struct(schema)
                text = struct_text(schema, value, version)
                by_bytes = {}
                for library, encode in libraries.items():
                    try:
                        encoded = encode(message, schema, value, version)
                    except Exception as error:  # a library's own limit: say so and go on
                        print(f"{message} v{version} {sample}: {library}: {error!r}",
                              file=sys.stderr)
                        continue
                    if encoded is not None:
                        by_bytes.setdefault(encoded, []).append(library)
                if len(by_bytes) != 1:
                    print(f"{message} v{version} {sample}: not one answer but {by_bytes}",
                          file=sys.stderr)
                    failures += 1
                for encoded, names in by_bytes.items():
                    who = ",".join(names)
                    lines.append(f"{version} {sample} {who} {encoded.hex() or '-'} {text}\n")
        (HERE / f"{message}.txt").write_text("".join(lines), encoding="utf-8")
    return failures


if __name__ == "__main__":
    sys.exit(main() != 0)
