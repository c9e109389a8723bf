"""Several nodes of one cluster on 127.0.0.1, each a process with a folder of its own.

    with Cluster(3) as cluster:
        cluster.create_topic("orders", partitions=6, factor=3)
        leader = cluster.leader("orders", 0)
        leader.kill()

The first node makes the cluster and the others join it. Ports and folders stay over restarts.
"""

import contextlib
import json
import signal
import subprocess
import sys
from types import TracebackType

import harness
from harness import Broker, wait_for


class Node(Broker):
    def __init__(self, number: int, join: str | None, settings: dict[str, str]) -> None:
        super().__init__({"node.id": str(number), **settings})
        self.number = number
        if join:
            self.arguments = ["--join", join]

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    def __init__(self, count: int = 3, settings: dict[str, str] | None = None) -> None:
        self._count = count
        self._settings = settings or {}
        self.nodes: list[Node] = []

    def __enter__(self) -> "Cluster":
        try:
            for _ in range(self._count):
                self.add()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            if kind is not None:
                print(f"--- node {node.number}", file=sys.stderr)
            with contextlib.suppress(ProcessLookupError):
                node.__exit__(kind)

    def add(self) -> Node:
        """Another node, serving when this returns."""
        join = self.nodes[0].address if self.nodes else None
        node = Node(len(self.nodes) + 1, join, self._settings)
        self.nodes.append(node)
        node.start()
        return node

    @property
    def address(self) -> str:
        """All of them, as clients take it."""
        return ",".join(node.address for node in self.nodes)

    def node(self, number: int) -> Node:
        return self.nodes[number - 1]

    def others(self, *than: Node) -> list[Node]:
        return [node for node in self.nodes if node not in than]

    def live(self) -> list[Node]:
        return [node for node in self.nodes if node.is_up()]

    def create_topic(self, name: str, partitions: int, factor: int, **settings: str) -> None:
        pairs = [word for key, value in settings.items()
                 for word in ("-c", f"{key.replace('_', '.')}={value}")]  # fmt: skip
        self.millrace("topic", "create", name, "-p", str(partitions), "-r", str(factor), *pairs)

    def millrace(self, *arguments: str, seconds: float = 30) -> str:
        """Runs our command line against all nodes; its stdout."""
        result = subprocess.run(
            [str(harness.BINARY), *arguments, "-b", self.address],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
        if result.returncode != 0:
            raise AssertionError(f"millrace {' '.join(arguments)}: {result.stderr[-2000:]}")
        return result.stdout

    def metadata(self, topic: str) -> list[dict]:
        """The partitions of a topic, as a live node tells them to kcat."""
        [first, *_] = self.live()
        told = json.loads(harness.kcat(first, "-L", "-J", "-t", topic))
        return next((one["partitions"] for one in told["topics"] if one["topic"] == topic), [])

    def leader(self, topic: str, partition: int) -> Node:
        def probe() -> Node | None:
            for one in self.metadata(topic):
                if one["partition"] == partition and one["leader"] > 0:
                    return self.node(one["leader"])
            return None

        return wait_for(f"leader of {topic}-{partition}", 30, probe)

    def wait_in_sync(self, topic: str, replicas: int, seconds: float = 60) -> None:
        """Until each partition of the topic has so many replicas in sync."""
        wait_for(
            f"{topic} with {replicas} replicas in sync", seconds,
            lambda: (found := self.metadata(topic))
            and all(len(one["isrs"]) == replicas for one in found),
        )  # fmt: skip
