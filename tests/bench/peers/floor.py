"""What the machine does with bytes when no broker stands between: the limits, and whether they move.

Python's own cost is small against pieces of 256 KiB. CRC-32C is that of ISA-L, which our broker
uses and whose library comes with Debian; without it the limits that need it are left out.
"""

import ctypes
import os
import socket
import statistics
import threading
import time
from pathlib import Path
from typing import Callable

PIECE = 256 * 1024
MB = 1_000_000


def _isal() -> Callable[[bytearray], int] | None:
    try:
        library = ctypes.CDLL("libisal.so.2")
    except OSError:
        return None
    function = library.crc32_iscsi
    function.restype = ctypes.c_uint
    return lambda data: function((ctypes.c_char * len(data)).from_buffer(data), len(data), 0)


class Floor:
    """Measures in a folder on the disk that the brokers use."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "floor"
        self._piece = bytearray(os.urandom(PIECE))
        self._other = bytearray(PIECE)
        self._crc = _isal()

    # --- what each costs, in microseconds of CPU or wall time per MB, or per write -----------------

    def copy(self, clock: Callable[[], int] = time.thread_time_ns, pieces: int = 256) -> float:
        """memcpy from a piece to another: in the processor's caches, mostly."""
        to, source = memoryview(self._other), memoryview(self._piece)
        begin = clock()
        for _ in range(pieces):
            to[:] = source
        return (clock() - begin) / 1000 / (pieces * PIECE / MB)

    def checksum(self, pieces: int = 256) -> float | None:
        if self._crc is None:
            return None
        begin = time.thread_time_ns()
        for _ in range(pieces):
            self._crc(self._piece)
        return (time.thread_time_ns() - begin) / 1000 / (pieces * PIECE / MB)

    def _stream(self, pieces: int, take: Callable[[memoryview], None]) -> float:
        """CPU time of the thread that receives what another one sends over loopback, per MB."""
        listener = socket.create_server(("127.0.0.1", 0))
        sender = socket.create_connection(listener.getsockname())
        receiver, _ = listener.accept()
        listener.close()

        def send() -> None:
            for _ in range(pieces):
                sender.sendall(self._piece)
            sender.close()

        thread = threading.Thread(target=send, daemon=True)
        view, total = memoryview(self._other), 0
        begin = time.thread_time_ns()
        thread.start()
        while got := receiver.recv_into(view):
            total += got
            take(view[:got])
        spent = time.thread_time_ns() - begin
        thread.join()
        receiver.close()
        return spent / 1000 / (total / MB)

    def receive(self, pieces: int = 256) -> float:
        return self._stream(pieces, lambda view: None)

    def receive_check_write(self, pieces: int = 512, again: bool = False) -> float:
        """What a broker cannot do without for a produced byte: receive it, check it, write it.

        Into pages that were not used lately, as a log does; `again` and again over the same ones
        costs a fraction of it on a virtual machine.
        """
        file = os.open(self._file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)

        def take(view: memoryview) -> None:
            if self._crc is not None:
                self._crc(self._other if len(view) == PIECE else bytearray(view))
            os.pwrite(file, view, 0) if again else os.write(file, view)

        try:
            return self._stream(pieces, take)
        finally:
            os.close(file)
            self._file.unlink()

    def write(self, pieces: int = 512) -> float:
        """CPU time of writes into the page cache, as a log makes them."""
        file = os.open(self._file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        begin = time.thread_time_ns()
        for _ in range(pieces):
            os.write(file, self._piece)
        spent = time.thread_time_ns() - begin
        os.close(file)
        self._file.unlink()
        return spent / 1000 / (pieces * PIECE / MB)

    def send_file(self, pieces: int = 256) -> float:
        """CPU time of the thread that sends a file out of the page cache over loopback."""
        self._file.write_bytes(bytes(self._piece) * pieces)
        listener = socket.create_server(("127.0.0.1", 0))
        taker = socket.create_connection(listener.getsockname())
        giver, _ = listener.accept()
        listener.close()

        def take() -> None:
            view = memoryview(bytearray(PIECE))
            while taker.recv_into(view):
                pass

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        with self._file.open("rb") as file:
            begin, offset, size = time.thread_time_ns(), 0, pieces * PIECE
            while offset < size:
                offset += os.sendfile(giver.fileno(), file.fileno(), offset, size - offset)
            spent = time.thread_time_ns() - begin
        giver.close()
        thread.join()
        taker.close()
        self._file.unlink()
        return spent / 1000 / (size / MB)

    def durable_write(self, writes: int = 100) -> float:
        """Wall time of one write of 4 KiB with fdatasync, the median, in microseconds."""
        file = os.open(self._file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        times = []
        for _ in range(writes):
            begin = time.monotonic_ns()
            os.write(file, self._piece[:4096])
            os.fdatasync(file)
            times.append((time.monotonic_ns() - begin) / 1000)
        os.close(file)
        self._file.unlink()
        return statistics.median(times)

    # --- all of it, and a short look ---------------------------------------------------------------

    def limits(self) -> dict[str, float]:
        """Every limit by its name, the middle of three: a few seconds."""
        kinds: dict[str, Callable[[], float | None]] = {
            "memcpy, us/MB": self.copy,
            "CRC-32C, us/MB": self.checksum,
            "loopback receive, CPU us/MB": self.receive,
            "receive, CRC and write, CPU us/MB": self.receive_check_write,
            "buffered write, CPU us/MB": self.write,
            "sendfile, CPU us/MB": self.send_file,
            "durable write of 4 KiB, us": self.durable_write,
        }
        found = {name: [kind() for _ in range(3)] for name, kind in kinds.items()}
        return {n: statistics.median(values) for n, values in found.items() if values[0] is not None}

    def look(self, kind: str) -> float:
        """A reading of what a row depends on, in a tenth of a second.

        cpu: CPU time of receiving and writing; wall: time that a fixed piece of work takes with
        whatever else runs; disk: durable writes. The best of several for the first two, for what
        else happens only ever adds.
        """
        if kind == "disk":
            return min(self.durable_write(30) for _ in range(2))
        if kind == "wall":
            return min(self.copy(time.monotonic_ns, 512) for _ in range(5))
        return min(self.receive_check_write(64, again=True) for _ in range(5))


def touch_disk(folder: Path, megabytes: int) -> None:
    """Has the disk's blocks allocated, which may be slow the first time."""
    path, piece = folder / "touched", os.urandom(MB)
    with path.open("wb", buffering=0) as file:
        for _ in range(megabytes):
            file.write(piece)
        os.fsync(file.fileno())
    path.unlink()
