"""Brokers as processes, each in its group: start, kill, ask. Ours and Apache Kafka's."""

import ctypes
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import admin
import artifacts
import groups

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 300
STOP_SECONDS = 120
# The files of a row's topics are gone before the next row's legs.
PROMPT_DELETION = {"log.segment.delete.delay.ms": "100"}
FILES_MAX = 200_000  # Kafka holds several files of each partition open


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def die_with_parent() -> None:
    """In the child, before exec: so that no broker outlives a program that is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Broker:
    """One broker with a folder of its own. Use it in `with`: process, group and folder are gone
    afterwards."""

    kind = ""
    synced: dict[str, str] = {}  # settings of a topic whose acknowledgements are on the disk
    unsynced: dict[str, str] = {}  # and of one whose acknowledgements are in memory
    wrapper: list[str] = []  # a program that runs the broker
    launched: Callable[[int], None] = staticmethod(lambda pid: None)  # is told of each process

    def __init__(self, folder: Path, name: str = "") -> None:
        self.folder = folder / (name or self.kind)
        self.folder.mkdir(parents=True)
        self.data = self.folder / "data"
        self.port = free_port()
        self.group = groups.group(self.folder.name)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid is not None:
            self.kill()
        self.group.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def prepare(self) -> None:
        """What has to happen once before the first start."""

    def version(self) -> str:
        raise NotImplementedError

    def launch(self) -> float:
        """Starts the process and returns at once, with the time on the monotonic clock."""
        if not self.data.exists():
            self.prepare()

        def child() -> None:
            self.group.enter()
            die_with_parent()
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            wanted = FILES_MAX if most == resource.RLIM_INFINITY else min(FILES_MAX, most)
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))

        command = [*self.wrapper, *self.command()]
        with (self.folder / "log").open("ab") as log:
            begin = time.monotonic()
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=child
            )
        self.group.adopt(self._process.pid)
        Broker.launched(self._process.pid)
        return begin

    def start(self) -> float:
        """Returns when it answers, with the seconds that took."""
        begin = self.launch()
        while not self.serves():
            if self.pid is None:
                raise artifacts.Missing(f"{self.kind} does not start: {self.log()[-600:]}")
            if time.monotonic() - begin > START_SECONDS:
                raise artifacts.Missing(f"{self.kind} does not answer after {START_SECONDS} s")
            time.sleep(0.005)
        return time.monotonic() - begin

    def serves(self) -> bool:
        return admin.serves(self.port)

    def first_record(self, topic: str) -> float:
        """Starts it, and returns the seconds until a record was acknowledged."""
        begin = self.launch()
        admin.first_record(self.port, topic, begin + START_SECONDS)
        return time.monotonic() - begin

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)

    @property
    def pid(self) -> int | None:
        """None if it is not running."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running else None

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def memory_mib(self) -> float:
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        return int(re.search(r"^VmRSS:\s+(\d+)", text, re.MULTILINE)[1]) / 1024

    def forget_pages(self, topic: str) -> None:
        """Drops a topic's logs from the page cache, so that a read comes from the disk."""
        paths = list(self.data.glob(f"{topic}-*/*.log"))
        assert paths, f"{self.kind} keeps no logs of {topic} where they are expected"
        for path in paths:
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


class Millrace(Broker):
    """Like Kafka it is told to acknowledge from memory, in its own topics as well, unless a topic
    says otherwise."""

    kind = "millrace"
    synced = {"flush.mode": "sync"}
    unsynced: dict[str, str] = {}

    def command(self) -> list[str]:
        settings = {
            "log.dirs": str(self.data),
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.flush.mode": "async",
            **PROMPT_DELETION,
            "group.initial.rebalance.delay.ms": "0",
        }
        pairs = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        return [binary(), "start", *pairs]

    def version(self) -> str:
        return artifacts.version_of([binary(), "version"], r"(\S.*\S)")


def binary() -> str:
    path = os.environ.get("MILLRACE_BIN", str(ROOT / "build/release/bin/millrace"))
    if not Path(path).exists():
        sys.exit(f"there is no {path}: build it, or name another in MILLRACE_BIN")
    return path


class Kafka(Broker):
    kind = "kafka"
    synced = {"flush.messages": "1"}
    unsynced: dict[str, str] = {}

    # What its kafka-server-start.sh and kafka-run-class.sh give it.
    JAVA = ("-server", "-Xmx1G", "-Xms1G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
            "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent",
            "-Djava.awt.headless=true")  # fmt: skip

    def _java(self, *words: str) -> list[str]:
        return ["java", *self.JAVA, "-cp", f"{artifacts.kafka_jars()}/*", *words]

    def prepare(self) -> None:
        controller = free_port()
        address = f"127.0.0.1:{self.port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://{address},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{address}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.data),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            **PROMPT_DELETION,
            "group.initial.rebalance.delay.ms": "0",
        }
        path = self.folder / "server.properties"
        path.write_text("".join(f"{k}={v}\n" for k, v in settings.items()), encoding="utf-8")
        made = subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c",
                       str(path)), capture_output=True, text=True, timeout=START_SECONDS,
        )  # fmt: skip
        if made.returncode != 0:
            raise artifacts.Missing(f"Apache Kafka cannot format a folder: {made.stderr[-400:]}")

    def command(self) -> list[str]:
        return self._java("kafka.Kafka", str(self.folder / "server.properties"))

    def version(self) -> str:
        java = artifacts.version_of(["java", "-version"], r'version "([^"]+)"')
        kafka = artifacts.jar_version(artifacts.kafka_jars(), "kafka_2.13")
        return f"{kafka}, Java {java}"
