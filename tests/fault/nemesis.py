"""What goes wrong: faults by name, each with a victim that is found when it begins.

A fault harms, is borne for a while, and is mended. After that every node runs, reaches every other, and
has its disk. `python3 nemesis.py` names them all.
"""

import contextlib
import random
import time
from dataclasses import dataclass
from typing import Callable, Iterator

import confluent_kafka as ck
from confluent_kafka import admin
from lab import Node

OFFSETS, SOURCE = "__consumer_offsets", "source"
FULL_LEAVES = 1 << 20
FROZEN_SECONDS = 6.0


class Cluster:
    """Who is what at this moment, as the nodes that answer see it."""

    def __init__(self, nodes: list[Node], dice: random.Random) -> None:
        self.nodes = nodes
        self.dice = dice
        servers = ",".join(node.address for node in nodes)
        self._client = admin.AdminClient({"bootstrap.servers": servers, "log_level": 0})

    def some(self) -> Node:
        return self.dice.choice(self.nodes)

    def _metadata(self) -> ck.admin.ClusterMetadata | None:
        with contextlib.suppress(ck.KafkaException):
            return self._client.list_topics(timeout=5)
        return None

    def _node(self, number: int | None) -> Node:
        """Some node where nobody has that number, as while there is no leader."""
        return next((node for node in self.nodes if node.number == number), self.some())

    def _leader_of(self, topic: str, partition: int) -> int | None:
        metadata = self._metadata()
        found = metadata.topics.get(topic) if metadata else None
        place = found.partitions.get(partition) if found else None
        return place.leader if place else None

    def leader(self) -> Node:
        return self._node(self._leader_of(SOURCE, 0))

    def follower(self) -> Node:
        leader = self.leader()
        return self.dice.choice([node for node in self.nodes if node != leader] or [leader])

    def coordinator(self) -> Node:
        return self._node(self._leader_of(OFFSETS, 0))

    def controller(self) -> Node:
        metadata = self._metadata()
        return self._node(metadata.controller_id if metadata else None)

    def pair(self) -> tuple[Node, Node]:
        a, b = self.dice.sample(self.nodes, 2)
        return a, b


# A fault says whom it harms, harms at once, and gives back how it is mended.
Mend = Callable[[], None]


def _restart(nodes: list[Node]) -> None:
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_until_it_serves()


def _kill(nodes: list[Node]) -> Mend:
    for node in nodes:
        node.kill()
    return lambda: _restart(nodes)


def _pause(nodes: list[Node]) -> Mend:
    for node in nodes:
        node.pause()

    def resume() -> None:
        for node in nodes:
            node.resume()

    return resume


def _cut(ways: list[tuple[Node, Node]]) -> Mend:
    for a, b in ways:
        a.cut(b)

    def heal() -> None:
        for a, b in ways:
            a.heal(b)

    return heal


def _both(a: Node, b: Node) -> list[tuple[Node, Node]]:
    return [(a, b), (b, a)]


def _freeze(node: Node) -> Mend:
    node.freeze(FROZEN_SECONDS)
    thawed = time.monotonic() + FROZEN_SECONDS + 1
    return lambda: time.sleep(max(0.0, thawed - time.monotonic()))


def _slow(node: Node) -> Mend:
    times, frozen, free = 30, 0.15, 0.05
    node.slow_down(times, frozen, free)
    # Each step of the script takes a little, too.
    over = time.monotonic() + times * (frozen + free + 0.1)
    return lambda: time.sleep(max(0.0, over - time.monotonic()))


def _fill(node: Node) -> Mend:
    node.fill_up(FULL_LEAVES)
    return node.make_room


def _roll(nodes: list[Node]) -> Mend:
    """One after the other, as an upgrade does; all of that is the fault."""
    for node in nodes:
        node.restart()
    return lambda: None


@dataclass(frozen=True)
class Fault:
    name: str
    least: int  # nodes that it takes
    begin: Callable[[Cluster], tuple[str, Mend]]


def _faults() -> Iterator[Fault]:
    roles: dict[str, Callable[[Cluster], list[Node]]] = {
        "leader": lambda c: [c.leader()],
        "follower": lambda c: [c.follower()],
        "controller": lambda c: [c.controller()],
        "coordinator": lambda c: [c.coordinator()],
        "all": lambda c: list(c.nodes),
    }
    for verb, harm in (("kill", _kill), ("pause", _pause)):
        for role, find in roles.items():

            def begin(
                c: Cluster,
                harm: Callable[[list[Node]], Mend] = harm,
                find: Callable[[Cluster], list[Node]] = find,
            ) -> tuple[str, Mend]:
                nodes = find(c)
                return _names(nodes), harm(nodes)

            yield Fault(f"{verb}-{role}", 2 if role == "follower" else 1, begin)
    disks: dict[str, Callable[[Node], Mend]] = {
        "hung-disk": _freeze,
        "slow-disk": _slow,
        "full-disk": _fill,
    }
    for name, spoil in disks.items():

        def begin_disk(c: Cluster, spoil: Callable[[Node], Mend] = spoil) -> tuple[str, Mend]:
            node = c.leader() if c.dice.random() < 0.5 else c.some()
            return _names([node]), spoil(node)

        yield Fault(name, 1, begin_disk)
    yield Fault("rolling-restart", 1, lambda c: (_names(c.nodes), _roll(c.nodes)))
    yield Fault("cut-pair", 2, _cut_pair)
    yield Fault("cut-one-way", 2, _cut_one_way)
    yield Fault("isolate", 2, _isolate)
    yield Fault("isolate-leader", 2, lambda c: _isolate(c, c.leader()))
    yield Fault("isolate-controller", 2, lambda c: _isolate(c, c.controller()))
    yield Fault("isolate-one-way", 2, _isolate_one_way)
    yield Fault("bridge", 5, _bridge)


def _names(nodes: list[Node]) -> str:
    return ", ".join(str(node) for node in nodes)


def _cut_pair(c: Cluster) -> tuple[str, Mend]:
    a, b = c.pair()
    return f"{a} and {b}", _cut(_both(a, b))


def _cut_one_way(c: Cluster) -> tuple[str, Mend]:
    a, b = c.pair()
    return f"from {a} to {b}", _cut([(a, b)])


def _isolate(c: Cluster, victim: Node | None = None) -> tuple[str, Mend]:
    """From the others; clients still reach it, which tempts it to acknowledge."""
    alone = victim or c.some()
    others = [node for node in c.nodes if node != alone]
    return _names([alone]), _cut([way for other in others for way in _both(alone, other)])


def _isolate_one_way(c: Cluster) -> tuple[str, Mend]:
    """It hears all and is heard by nobody, or the other way round."""
    alone = c.some()
    others = [node for node in c.nodes if node != alone]
    if c.dice.random() < 0.5:
        return f"what {alone} says", _cut([(alone, other) for other in others])
    return f"what {alone} hears", _cut([(other, alone) for other in others])


def _bridge(c: Cluster) -> tuple[str, Mend]:
    """Two halves, and one node that sees both."""
    nodes = c.dice.sample(c.nodes, len(c.nodes))
    middle, half = nodes[0], len(nodes) // 2
    left, right = nodes[1 : half + 1], nodes[half + 1 :]
    ways = [way for a in left for b in right for way in _both(a, b)]
    return f"{_names(left)} | {middle} | {_names(right)}", _cut(ways)


FAULTS = {fault.name: fault for fault in _faults()}


if __name__ == "__main__":
    print("\n".join(FAULTS))
