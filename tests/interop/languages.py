"""The same two programs in each client's language, so that one test can be made with all of them.

A client runs as COMMAND HOST:PORT produce TOPIC CODEC PREFIX COUNT, which sends PREFIX-0, PREFIX-1
and so on, and ends with status 0 when all of it was acknowledged; and as COMMAND HOST:PORT member
TOPIC GROUP [OPTION=VALUE...], which reads as one of a group until SIGTERM. It prints `+ partition...`
for all that it owns whenever that changes, and `partition offset value` for each record, and commits
what it has printed before it gives a partition up. The options:

    instance=NAME         a static member
    strategy=cooperative  partitions change hands one by one; eager otherwise
    protocol=consumer     the protocol of KIP-848; classic otherwise

COMMAND HOST:PORT copy SOURCE SINK GROUP COUNT reads so many records in a group and copies each in a
transaction that commits its offset as well, with the id GROUP-copier. Behind each it sends a record
`ghost` in a transaction that it aborts. Those who cannot have tests of their own for this.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import unittest
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import harness
from harness import HERE, Broker, wait_for

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
BUILD = Path(os.environ.get("MILLRACE_BUILD", harness.ROOT / "build/dev")) / "interop"


@dataclass(frozen=True)
class Run:
    """How a client's program is started."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    name: str
    prepare: Callable[[], Run]  # skips the test, with the reason, where that cannot be done
    can: frozenset[str] = frozenset()  # of: static, cooperative, consumer, copy
    codecs: tuple[str, ...] = CODECS


def _run(what: str, command: list[str | Path], folder: Path | None = None, **more: str) -> None:
    try:
        made = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=200,
            env={**os.environ, **more},
        )  # fmt: skip
        reason = None if made.returncode == 0 else (made.stderr or made.stdout)[-400:]
    except subprocess.TimeoutExpired:
        reason = "it takes too long"
    if reason is not None:
        raise unittest.SkipTest(f"{what}: {reason}")


class _Once:
    """One of several processes prepares a client; the others wait, and find it done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Path:
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self.folder

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def go_program(name: str) -> Path:
    """A program of go/. Skips the test where it cannot be built."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise unittest.SkipTest("there is no Go on this machine")
    with _Once(BUILD / "go") as folder:
        _run(f"the Go program {name} cannot be built", [go, "build", "-o", folder / name, f"./{name}"],
             HERE / "go", GOFLAGS="-mod=readonly")  # fmt: skip
    return folder / name


def java_classes() -> str:
    """The class path of the programs in java/, built once. Skips the test where it cannot be."""
    if None in (shutil.which("javac"), shutil.which("mvn")):
        raise unittest.SkipTest("there is no Java with Maven on this machine")
    source = HERE / "java"
    with _Once(BUILD / "java") as folder:
        jars, classes = folder / "jars", folder / "classes"
        if not list(jars.glob("kafka-clients-*.jar")):
            _run("the Java client cannot be fetched",
                 ["mvn", "-q", "-B", "-f", source / "pom.xml", "dependency:copy-dependencies",
                  f"-DoutputDirectory={jars}"])  # fmt: skip
        sources = sorted(source.glob("*.java"))
        newest = max(path.stat().st_mtime for path in sources)
        if not classes.exists() or classes.stat().st_mtime < newest:
            _run("the Java programs cannot be built",
                 ["javac", "-cp", f"{jars}/*", "-d", classes, *sources])  # fmt: skip
            os.utime(classes)
    return f"{classes}:{jars}/*"


NODE_PACKAGES = ("kafkajs@2.2.4", "kafkajs-snappy@1.1.0", "lz4-napi@2.10.0", "zstd-codec@0.1.5")


def node_modules() -> Path:
    """The folder with kafkajs and its codecs, installed once. Skips the test where it cannot be."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise unittest.SkipTest("node and npm are not installed")
    with _Once(BUILD / "-".join(["npm", NODE_PACKAGES[0].rpartition("@")[2]])) as folder:
        done = folder / "done"
        if not done.exists() or done.read_text() != repr(NODE_PACKAGES):
            _run("kafkajs cannot be installed",
                 ["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=0", "--prefix",
                  folder, *NODE_PACKAGES])  # fmt: skip
            done.write_text(repr(NODE_PACKAGES))
    return folder / "node_modules"


def _debian(module: str, package: str, program: str) -> Callable[[], Run]:
    def prepare() -> Run:
        python = "/usr/bin/python3"
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode != 0:
            raise unittest.SkipTest(f"{package} is not installed")
        return Run([python, "-B", str(HERE / program)])

    return prepare


def _pypi(program: str) -> Callable[[], Run]:
    def prepare() -> Run:
        packages = str(harness.pypi_packages())
        return Run([sys.executable, "-B", str(HERE / program)], {"PYTHONPATH": packages})

    return prepare


def _kafkajs() -> Run:
    return Run(
        ["node", str(HERE / "kafkajs_client.js")],
        {"NODE_PATH": str(node_modules()), "KAFKAJS_NO_PARTITIONER_WARNING": "1"},
    )


ALL = frozenset({"static", "cooperative", "consumer"})
CLIENTS = {
    client.name: client
    for client in (
        Client(
            "librdkafka-debian",
            _debian("confluent_kafka", "python3-confluent-kafka", "librdkafka_client.py"),
            frozenset({"static", "cooperative", "copy"}),
        ),
        Client("librdkafka", _pypi("librdkafka_client.py"), ALL | {"copy"}),
        Client("kafka-python-debian", _debian("kafka", "python3-kafka", "kafka_python_client.py")),
        Client(
            "kafka-python", _pypi("kafka_python_client.py"),
            frozenset({"static", "cooperative", "copy"}),
        ),
        Client("franz-go", lambda: Run([str(go_program("franz"))]), ALL),
        Client(
            "sarama", lambda: Run([str(go_program("sarama"))]),
            frozenset({"static", "cooperative", "copy"}),
        ),
        Client("kafkajs", _kafkajs, frozenset({"copy"})),
        Client("java", lambda: Run(["java", "-cp", java_classes(), "Client"]), ALL),
    )
}


def do(client: Client, broker: Broker, *arguments: object) -> None:
    """Runs a client's program to its end."""
    run = client.prepare()
    done = subprocess.run(
        [*run.command, broker.address, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, env={**os.environ, **run.environment},
    )  # fmt: skip
    if done.returncode != 0:
        raise AssertionError(f"{client.name}, {arguments}: {done.stderr[-2000:]}")


class Member:
    """A process in a group: what it has and what it has read, in a file that grows."""

    def __init__(
        self, test: unittest.TestCase, broker: Broker, client: Client, topic: str, group: str,
        *options: str,
    ) -> None:  # fmt: skip
        run = client.prepare()
        self.name = client.name
        folder = broker.data.parent
        number = len(list(folder.glob("member-*-output")))
        self._output = folder / f"member-{number}-output"
        self._errors = folder / f"member-{number}-errors"
        output = test.enterContext(self._output.open("wb"))
        errors = test.enterContext(self._errors.open("wb"))
        self.process = test.enterContext(
            harness.running(
                *run.command, broker.address, "member", topic, group, *options, stdout=output,
                stderr=errors, env={**os.environ, **run.environment},
            )
        )  # fmt: skip

    def _lines(self) -> list[list[str]]:
        whole = self._output.read_text().rpartition("\n")[0]
        return [line.split(" ") for line in whole.splitlines()]

    def assigned(self) -> set[int]:
        """The partitions that it has now."""
        shares = [line[1:] for line in self._lines() if line[0] == "+"]
        return set(map(int, shares[-1])) if shares else set()

    def read(self) -> list[tuple[int, int, str]]:
        """Partition, offset and value of all it has read so far, in its order."""
        records = (line for line in self._lines() if line[0] != "+")
        return [(int(partition), int(offset), value) for partition, offset, value in records]

    def values(self) -> list[str]:
        return [value for _, _, value in self.read()]

    def complaints(self) -> str:
        return self._errors.read_text(errors="backslashreplace")

    def ended_early(self) -> bool:
        return self.process.poll() not in (None, -signal.SIGKILL, 0)

    def leave(self) -> None:
        """Ends it in order: it commits what it has read and says goodbye."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def die(self) -> None:
        self.process.kill()
        self.process.wait(20)


def wait_for_share(partitions: int, seconds: float, *members: Member, even: bool = True) -> None:
    """Until each has some of the partitions, they have all among them, and nobody has another's."""

    def shared() -> bool:
        if any(member.ended_early() for member in members):
            raise AssertionError("a member ended")
        shares = [member.assigned() for member in members]
        sizes = [len(share) for share in shares]
        together = set().union(*shares)
        return all(shares) and sum(sizes) == partitions == len(together) and (
            not even or max(sizes) - min(sizes) <= 1
        )

    try:
        wait_for(f"share of {partitions} partitions", seconds, shared)
    except AssertionError as error:
        state = {f"{i} {m.name}": (sorted(m.assigned()), m.complaints()[-500:])
                 for i, m in enumerate(members)}  # fmt: skip
        raise AssertionError(f"{error}: {state}") from None
