"""NATS JetStream: what a broker of another family needs to start and to be there.

Its protocol is lines of text. Its version in Debian 12 cannot be told to sync each message, so it has
no part in the rows about that.
"""

import json
import socket
import time

import artifacts
import brokers


class Nats(brokers.Broker):
    kind = "nats"

    def command(self) -> list[str]:
        return [str(artifacts.nats_server()), "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd",
                str(self.data)]  # fmt: skip

    def prepare(self) -> None:
        self.data.mkdir()

    def version(self) -> str:
        return artifacts.version_of([artifacts.nats_server(), "--version"], r"v([\d.]+)")

    def serves(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
                return line.recv(4) == b"INFO"
        except OSError:
            return False

    def first_record(self, topic: str) -> float:
        begin = self.launch()
        while True:
            try:
                self._publish(topic)
                return time.monotonic() - begin
            except OSError:
                if time.monotonic() - begin > brokers.START_SECONDS:
                    raise artifacts.Missing("NATS acknowledges nothing") from None
                time.sleep(0.002)

    def _publish(self, stream: str) -> None:
        """Makes a stream of files and appends one message to it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            reader = line.makefile("rb")
            reader.readline()  # INFO
            line.sendall(b'CONNECT {"verbose":false}\r\nSUB inbox 1\r\n')
            config = {"name": stream, "subjects": [stream], "storage": "file"}
            for subject, said in (
                (f"$JS.API.STREAM.CREATE.{stream}", json.dumps(config)),
                (stream, "first"),
            ):
                line.sendall(f"PUB {subject} inbox {len(said)}\r\n{said}\r\n".encode())
                head = reader.readline()
                while not head.startswith(b"MSG"):
                    if not head or head.startswith(b"-ERR"):
                        raise OSError(f"NATS says {head!r}")
                    head = reader.readline()
                answer = json.loads(reader.read(int(head.split()[-1])))
                reader.readline()
                if "error" in answer:
                    raise OSError(f"NATS says {answer['error']}")
