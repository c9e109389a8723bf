"""Nodes as if on machines of their own: each in its own network namespace, with its own filesystem.

    lab.enter()                  # first of all: into namespaces in which nothing can be left behind
    with Lab(3) as nodes:
        nodes[0].cut(nodes[1])   # nothing gets from 1 to 2 any more, what 2 sends still arrives
        nodes[2].freeze(2)       # whatever writes to its disk hangs for so long

Clients run in the lab's own namespace, as neighbours of all nodes. The network is a bridge; a one-way cut
is a neighbour's hardware address that nobody has, so that packets vanish without a word to either side.
A disk is an ext4 filesystem in a file; to hang it is frozen.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

import harness
from harness import Broker

ENTERED = "MILLRACE_LAB"
NOBODY = "02:00:00:00:00:ff"  # a hardware address
CLIENTS = "10.77.0.254"
PORT = 9092
DISK_BYTES = 1 << 30
TOOLS = ("unshare", "nsenter", "ip", "mount", "mkfs.ext4", "fsfreeze")


def enter() -> None:
    """Starts this program anew in a network and a mount namespace that end with it.

    Raises SkipTest where that is not allowed.
    """
    if os.environ.get(ENTERED):
        return
    if os.geteuid() != 0:
        raise unittest.SkipTest("namespaces and filesystems of its own take root")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for tool in TOOLS:
        if not any(os.access(Path(folder, tool), os.X_OK) for folder in path.split(":")):
            raise unittest.SkipTest(f"there is no {tool}")
    inside = ["unshare", "--net", "--mount", "--propagation", "private"]
    tried = subprocess.run([*inside, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise unittest.SkipTest(f"no namespaces: {tried.stderr.strip()}")
    os.environ.update({ENTERED: "1", "PATH": path})
    sys.stdout.flush()
    os.execvp(inside[0], [*inside, sys.executable, "-B", *sys.argv])


def _do(command: str) -> str:
    done = subprocess.run(shlex.split(command), capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{command}: {done.stderr.strip()}")
    return done.stdout.strip()


class Node(Broker):
    """A broker process on a machine of its own. Addresses, disk and process can each be harmed."""

    def __init__(self, number: int, folder: Path, settings: dict[str, str]) -> None:
        super().__init__({"node.id": str(number), **settings})
        self.number = number
        self.host = f"10.77.0.{number}"
        self.mount = folder / f"disk-{number}"
        self.data = self.mount / "data"
        self.log_path = folder / f"node-{number}.log"
        self.port = PORT
        self._image = folder / f"image-{number}"
        self._space = f"node{number}"

    def __str__(self) -> str:
        return f"node {self.number}"

    @property
    def address(self) -> str:
        return f"{self.host}:{PORT}"

    def command(self) -> list[str]:
        plain = super().command()
        here = f"listeners=PLAINTEXT://{self.address}"
        plain = [here if word.startswith("listeners=") else word for word in plain]
        return ["nsenter", f"--net=/run/netns/{self._space}", *plain]

    # --- the machine ---

    def build(self) -> None:
        link = f"link{self.number}"
        _do(f"ip netns add {self._space}")
        _do(f"ip link add {link} type veth peer name eth0 netns {self._space}")
        _do(f"ip link set {link} master hub up")
        for command in (
            f"ip addr add {self.host}/24 dev eth0",
            "ip link set eth0 up",
            "ip link set lo up",
        ):
            self._inside(command)
        self.hardware = self._inside("cat /sys/class/net/eth0/address")
        with self._image.open("wb") as file:
            file.truncate(DISK_BYTES)
        self.mount.mkdir()
        _do(f"mkfs.ext4 -q -m 0 {self._image}")
        _do(f"mount -o loop {self._image} {self.mount}")

    def _inside(self, command: str) -> str:
        return _do(f"ip netns exec {self._space} {command}")

    # --- its process ---

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    # --- its network ---

    def cut(self, other: "Node") -> None:
        """What it sends to the other does not arrive; what the other sends to it does."""
        self._inside(f"ip neigh replace {other.host} lladdr {NOBODY} dev eth0 nud permanent")

    def heal(self, other: "Node") -> None:
        self._inside(f"ip neigh replace {other.host} lladdr {other.hardware} dev eth0 nud permanent")

    def cut_clients(self) -> None:
        _do(f"ip neigh replace {self.host} lladdr {NOBODY} dev hub nud permanent")

    def heal_clients(self) -> None:
        _do(f"ip neigh replace {self.host} lladdr {self.hardware} dev hub nud permanent")

    # --- its disk ---

    def freeze(self, seconds: float) -> None:
        """Whatever writes hangs for so long. Whoever ends meanwhile, the disk comes back."""
        self._in_the_background(f"fsfreeze -f {self.mount}; sleep {seconds}; fsfreeze -u {self.mount}")

    def slow_down(self, times: int, frozen: float, free: float) -> None:
        """So often it hangs for `frozen` seconds, and works for `free` seconds."""
        one = f"fsfreeze -f {self.mount}; sleep {frozen}; fsfreeze -u {self.mount}; sleep {free}"
        self._in_the_background(f"for i in $(seq {times}); do {one}; done")

    @staticmethod
    def _in_the_background(script: str) -> None:
        # Not a child that dies with us: nothing that waits for a frozen disk can be killed.
        subprocess.Popen(["sh", "-c", script], start_new_session=True)

    def fill_up(self, leave: int) -> None:
        """Nothing else has more than `leave` bytes left."""
        room = os.statvfs(self.mount)
        size = room.f_bavail * room.f_frsize - leave
        if size > 0:
            _do(f"fallocate -l {size} {self.mount / 'foreign'}")

    def make_room(self) -> None:
        (self.mount / "foreign").unlink(missing_ok=True)


class Lab:
    """So many nodes of one cluster, serving when it is entered, gone when it is left."""

    def __init__(self, count: int, settings: dict[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="millrace-lab-")
        folder = Path(self._folder.name)
        self.nodes = [Node(i + 1, folder, settings or {}) for i in range(count)]

    def __enter__(self) -> list[Node]:
        try:
            Path("/run/netns").mkdir(exist_ok=True)
            for command in (
                "mount -t tmpfs lab /run/netns",
                "ip link set lo up",
                "ip link add hub type bridge",
                f"ip addr add {CLIENTS}/24 dev hub",
                "ip link set hub up",
            ):
                _do(command)
            for node in self.nodes:
                node.build()
        except OSError as error:
            self.__exit__(None)
            raise unittest.SkipTest(f"no machines of their own: {error}") from error
        try:
            for node in self.nodes:
                if node.number > 1:
                    node.arguments = ["--join", self.nodes[0].address]
                node.start()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self.nodes

    def __exit__(self, kind: type | None, *_: object) -> None:
        for node in self.nodes:
            if kind is not None:
                print(f"--- the log of {node} ends:\n{node.log()[-4000:]}---", file=sys.stderr)
            if node.is_up():
                node.resume()
                node.kill()
            subprocess.run(["umount", str(node.mount)], capture_output=True)
        self._folder.cleanup()
