"""The metadata quorum of real processes: who joins, who leads, what survives whom."""

import re
import shutil
import subprocess
import time
import unittest

import harness
from cluster import Cluster, Node
from harness import BINARY, Broker, wait_for


def topics(node: Broker) -> list[str]:
    result = subprocess.run(
        [str(BINARY), "topic", "list", "-b", node.address, "-O", "json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return re.findall(r'"name":\s*"([^"]+)"', result.stdout)


def create(node: Broker, name: str) -> bool:
    result = subprocess.run(
        [str(BINARY), "topic", "create", name, "-b", node.address],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return result.returncode == 0


def create_somewhere(nodes: list[Node], name: str, seconds: float = 15) -> Node:
    """By the first of them that can."""
    return wait_for(
        f"node that creates {name}", seconds,
        lambda: next((node for node in nodes if create(node, name)), None),
    )  # fmt: skip


def leader_of(nodes: list[Node], seconds: float = 15) -> Node:
    """Whoever was the last to say that it leads, and did not say that it does not any more."""

    def probe() -> Node | None:
        best: tuple[int, Node] | None = None
        for node in nodes:
            said = re.findall(r"this node (?:leads in term (\d+)|(does not lead))", node.log())
            if said and said[-1][0] and (best is None or int(said[-1][0]) > best[0]):
                best = int(said[-1][0]), node
        return best and best[1]

    return wait_for("leader of the quorum", seconds, probe)


def wait_for_voters(node: Node, count: int) -> None:
    wait_for(
        f"leader that promoted {count - 1} nodes", 15,
        lambda: node.log().count("votes from now on") >= count - 1,
    )  # fmt: skip


class QuorumTest(unittest.TestCase):
    def test_metadata_survives_its_leader(self) -> None:
        with Cluster(3) as cluster:
            leader = leader_of(cluster.nodes)
            wait_for_voters(leader, 3)
            create_somewhere(cluster.nodes, "first")
            for node in cluster.nodes:
                wait_for("topic on each node", 15, lambda node=node: "first" in topics(node))
            began = time.monotonic()
            leader.kill()
            rest = cluster.others(leader)
            create_somewhere(rest, "second")
            print(f"killed, and the next change was committed after {time.monotonic() - began:.2f} s")
            for node in rest:
                wait_for("topic on each node", 15, lambda node=node: "second" in topics(node))
            leader.start()
            wait_for("topic on who comes back", 15, lambda: "second" in topics(leader))
            self.assertIn("first", topics(leader))

    def test_all_nodes_start_again_at_once(self) -> None:
        with Cluster(3) as cluster:
            wait_for_voters(leader_of(cluster.nodes), 3)
            create_somewhere(cluster.nodes, "kept")
            for node in cluster.nodes:
                wait_for("topic on each node", 15, lambda node=node: "kept" in topics(node))
            for node in cluster.nodes:
                node.kill()
            for node in cluster.nodes:
                node.launch()
            for node in cluster.nodes:
                node.wait_until_it_serves()
                self.assertIn("kept", topics(node))

    def test_a_leader_that_stops_hands_over(self) -> None:
        with Cluster(3) as cluster:
            leader = leader_of(cluster.nodes)
            wait_for_voters(leader, 3)
            create_somewhere(cluster.nodes, "before")
            rest = cluster.others(leader)
            self.assertEqual(leader.stop(), 0)
            leader_of(rest, 1)
            create_somewhere(rest, "after")
            leader.start()
            wait_for("what was changed without it", 15, lambda: "after" in topics(leader))

    def test_a_node_that_lost_its_directory_comes_back_as_another(self) -> None:
        with Cluster(3) as cluster:
            leader = leader_of(cluster.nodes)
            wait_for_voters(leader, 3)
            create_somewhere(cluster.nodes, "here")
            [lost, other] = cluster.others(leader)
            lost.kill()
            shutil.rmtree(lost.data)
            lost.arguments = ["--join", ",".join([leader.address, other.address])]
            lost.start()
            wait_for("topic on the new node", 15, lambda: "here" in topics(lost))
            self.assertIn("comes with the new directory", leader.log())
            wait_for_voters(leader, 4)
            other.kill()
            create_somewhere([leader, lost], "two-of-three")

    def test_a_directory_of_another_cluster_is_refused(self) -> None:
        with Cluster(1) as cluster, Cluster(1) as others:
            [node] = cluster.nodes
            [stranger] = others.nodes
            ours = re.search(r"cluster.id=(\S+)", (node.data / "meta.properties").read_text())[1]
            theirs = re.search(r"cluster.id=(\S+)", (stranger.data / "meta.properties").read_text())[1]
            self.assertEqual(stranger.stop(), 0)
            stranger.arguments = ["--join", node.address]
            stranger.launch()
            self.assertNotEqual(stranger.process.wait(30), 0)
            self.assertIn(ours, stranger.log())
            self.assertIn(theirs, stranger.log())

    def test_an_id_that_is_taken_is_refused(self) -> None:
        with Cluster(1) as cluster:
            [node] = cluster.nodes
            leader_of([node])
            twin = Broker({"node.id": "1", "initial.broker.registration.timeout.ms": "1000"})
            twin.arguments = ["--join", node.address]
            twin.launch()
            self.assertNotEqual(twin.process.wait(30), 0)
            self.assertIn("node.id 1 is taken", twin.log())
            twin.__exit__()


if __name__ == "__main__":
    harness.main()
