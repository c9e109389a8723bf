"""/metrics and /ready, as somebody who watches the broker sees them."""

import http.client
import re
import socket
import unittest

import harness
from harness import Broker, kcat


class Metrics(unittest.TestCase):
    def setUp(self) -> None:
        self.broker = self.enterContext(
            Broker({"num.partitions": "1", "metrics.listen": "127.0.0.1:0"})
        )
        self.port = self.metrics_port()

    def metrics_port(self) -> int:
        found = re.search(r"metrics are served on http://127.0.0.1:(\d+)/", self.broker.log())
        return int(found[1])

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def value(self, name: str) -> int:
        status, text = self.get("/metrics")
        self.assertEqual(status, 200)
        return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.MULTILINE)[1])

    def test_numbers_move_with_the_broker(self) -> None:
        self.assertEqual(self.value('millrace_partitions{state="writable"}'), 0)
        kcat(self.broker, "-P", "-t", "t", stdin=b"x\n")
        self.assertEqual(self.value('millrace_partitions{state="writable"}'), 1)
        self.assertGreater(self.value("millrace_log_bytes"), 60)
        self.assertEqual(self.value("millrace_log_dir_online"), 1)
        self.assertGreater(self.value("millrace_log_dir_free_bytes"), 0)

    def test_compaction_tells_what_it_did(self) -> None:
        settings = {
            "num.partitions": "1", "metrics.listen": "127.0.0.1:0", "log.cleanup.policy": "compact",
            "log.segment.bytes": "1048576", "log.cleaner.backoff.ms": "100",
        }  # fmt: skip
        self.broker = self.enterContext(Broker(settings))
        self.port = self.metrics_port()
        self.assertEqual(self.value("millrace_compaction_passes_total"), 0)
        kcat(self.broker, "-P", "-t", "table", "-K:", "-X", "batch.size=20000",
             stdin=b"key:%s\n" % (b"v" * 1000) * 3000)  # fmt: skip
        harness.wait_for(
            "pass of compaction", 60, lambda: self.value("millrace_compaction_passes_total")
        )
        before = self.value("millrace_compaction_before_bytes_total")
        self.assertLess(self.value("millrace_compaction_after_bytes_total"), before)
        self.assertGreater(self.value("millrace_compaction_dropped_records_total"), 900)

    def test_ready_and_what_is_not_there(self) -> None:
        self.assertEqual(self.get("/ready"), (200, "ready\n"))
        self.assertEqual(self.get("/")[0], 404)
        self.assertEqual(self.get("/metrics", "POST")[0], 405)

    def test_a_head_without_end_is_refused(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            line.sendall(b"GET /metrics HTTP/1.1\r\n" + b"a" * 9000)
            self.assertIn(b" 431 ", line.recv(1000))


if __name__ == "__main__":
    harness.main()
