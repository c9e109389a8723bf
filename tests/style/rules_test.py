"""Shows for each rule what it rejects and what it lets pass, so that none is a rule in name only."""

import unittest

from rules import RULES, File

# Rule: (files that must be rejected, files that must pass). A sample is (path, text).
SAMPLES: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {
    "includes point down, never up": (
        [
            ("log/segment.cpp", '#include "broker/shard.hpp"\n'),
            ("protocol/wire/reader.hpp", '#include "log/files.hpp"\n'),
            ("config/catalogue.cpp", '#include "log/files.hpp"\n'),
            ("replication/replica.cpp", '#include "config/catalogue.hpp"\n'),
            ("clients/producer.cpp", '#include "broker/shard.hpp"\n'),
            ("tools/topic.cpp", '#include "broker/shard.hpp"\n'),
            ("tools/start.cpp", '#include "log/segment.hpp"\n'),
            ("tools/restart.cpp", '#include "broker/shard.hpp"\n'),
            ("broker/shard.cpp", '#include "tests/support/memory_disk.hpp"\n'),
            ("broker/session.cpp", '#include "clients/connection.hpp"\n'),
            ("log/segment.cpp", '#include "segment.hpp"\n'),
            ("log/segment.cpp", "#include <log/segment.hpp>\n"),
            ("log/segment.cpp", "#include <broker/shard.hpp>\n"),
        ],
        [
            ("broker/shard.cpp", '#include "log/segment.hpp"\n#include <vector>\n'),
            ("tools/start.cpp", '#include "broker/server.hpp"\n'),
            ("broker/peers/peers.hpp", '#include "clients/connection.hpp"\n'),
            ("tools/serve.cpp", '#include "log/posix_files.hpp"\n'),
            ("tools/debug/log_dump.cpp", '#include "log/segment.hpp"\n'),
            ("tests/log/segment_test.cpp", '#include "broker/shard.hpp"\n'),
            ("log/segment.cpp", '// not an #include "broker/shard.hpp"\n'),
        ],
    ),
    "Asio stays behind the network facade": (
        [
            ("log/segment.cpp", "#include <boost/asio/awaitable.hpp>\n"),
            ("protocol/wire/reader.cpp", "#include <boost/asio/buffer.hpp>\n"),
            ("replication/replica.cpp", '#include "protocol/net/net.hpp"\n'),
            ("broker/listener.cpp", "#include <boost/asio/ip/tcp.hpp>\n"),
            ("clients/producer.cpp", "#include <boost/beast/core.hpp>\n"),
        ],
        [
            ("protocol/net/net.hpp", "#include <boost/asio/awaitable.hpp>\n"),
            ("protocol/net/tcp.hpp", "#include <boost/asio/ip/tcp.hpp>\n"),
            ("broker/listener.cpp", '#include "protocol/net/net.hpp"\n'),
            ("log/segment.cpp", "#include <boost/system/result.hpp>\n"),
        ],
    ),
    "no coroutine awaits inside a condition": (
        [
            ("broker/a.cpp", "if (co_await f()) {}"),
            ("broker/a.cpp", "while (!(co_await f(g(1), 2))) {}"),
            ("broker/a.cpp", "switch (\n  co_await f()) {}"),
            ("broker/a.cpp", "if (auto r = g(); co_await f(r)) {}"),
        ],
        [
            ("broker/a.cpp", "if (const auto r = co_await f(); r) {}"),
            ("broker/a.cpp", "const bool r = co_await f();\nif (r) { co_await g(); }"),
            ("broker/a.cpp", "// if (co_await f())\n"),
            ("broker/a.cpp", 'log("if (co_await f())");'),
        ],
    ),
    "a statement awaits at most once": (
        [("broker/a.cpp", "x = f(co_await g(), co_await h());")],
        [("broker/a.cpp", "const auto g1 = co_await g(); const auto h1 = co_await h();")],
    ),
    "no file is longer than 500 lines": (
        [("log/a.cpp", "int a;\n" * 501), ("dev", "echo\n" * 501)],
        [("log/a.cpp", "int a;\n" * 500), ("DECISIONS.md", "text\n" * 501)],
    ),
    "no marker of unfinished work is left": (
        [("log/a.cpp", "// TODO: more\n"), ("README.md", "FIXME\n"), ("dev", "# XXX\n")],
        [("log/a.cpp", "void todo();\n")],
    ),
    "no tab is used for layout": (
        [("log/a.cpp", "\tint a;\n"), ("README.md", "a\tb\n")],
        [("log/a.cpp", 'auto t = "\\t";\n')],
    ),
    "no line ends in a space": (
        [("log/a.cpp", "int a; \n"), ("README.md", "a\r\n")],
        [("log/a.cpp", "int a;\n\n")],
    ),
    "no C++ line is wider than 100 columns": (
        [("log/a.cpp", "// " + "a" * 98 + "\n")],
        [("log/a.cpp", "// " + "\u00e4" * 97 + "\n"), ("README.md", "a" * 200 + "\n")],
    ),
    "no test sleeps": (
        [
            ("tests/log/a_test.cpp", "std::this_thread::sleep_for(1ms);\n"),
            ("tests/log/a_test.cpp", "  sleep(1);\n"),
        ],
        [
            ("broker/a.cpp", "// this_thread::sleep_for would block the shard\n"),
            ("tests/net/a_test.cpp", "co_await sleep_until(scheduler, deadline);\n"),
        ],
    ),
    "no path of one machine is named": (
        [("README.md", "see /home/me/notes\n"), ("log/a.cpp", "// see /mnt/disk/fetch\n")],
        [
            ("README.md", "`/etc/millrace`, /var/lib/millrace, https://example.org/home/x\n"),
            ("log/a.cpp", "// shared by readers/writers; network/root\n"),
        ],
    ),
    "every header is guarded by #pragma once": (
        [("log/a.hpp", "int a;\n")],
        [("log/a.hpp", "#pragma once\n"), ("log/a.cpp", "int a;\n")],
    ),
    "every relative link leads somewhere": (
        [
            ("README.md", "[map](NO_SUCH.md)\n"),
            ("log/README.md", "[map](../../outside.md)\n"),
            ("README.md", "# One\n[two](#two)\n"),
        ],
        [
            ("log/README.md", "[itself](README.md), [a folder](../log/), [the root](/log)\n"),
            ("README.md", "# Why so?\n[why](#why-so), [web](https://example.org/x.md)\n"),
            ("README.md", "`[code](NO_SUCH.md)`\n```\n[code](NO_SUCH.md)\n```\n"),
        ],
    ),
}


class Rules(unittest.TestCase):
    def test_every_rule_has_samples(self) -> None:
        self.assertEqual(set(SAMPLES), set(RULES))

    def test_every_rule_rejects_its_bad_samples(self) -> None:
        for name, (bad, _) in SAMPLES.items():
            for path, text in bad:
                with self.subTest(rule=name, path=path, text=text[:80]):
                    self.assertTrue(list(RULES[name]([File(path, text)])))

    def test_every_rule_lets_its_good_samples_pass(self) -> None:
        for name, (_, good) in SAMPLES.items():
            for path, text in good:
                with self.subTest(rule=name, path=path, text=text[:80]):
                    self.assertEqual(list(RULES[name]([File(path, text)])), [])

    def test_a_header_that_brings_asio_stays_inside(self) -> None:
        asio = File("protocol/net/tcp.hpp", "#include <boost/asio/ip/tcp.hpp>\n")
        inner = File("protocol/net/tls.hpp", '#include "protocol/net/tcp.hpp"\n')
        facade = File("protocol/net/net.hpp", "#include <boost/asio/awaitable.hpp>\n")
        names = ("tcp", "tls", "net")
        outside = [
            File(f"broker/{n}.cpp", f'#include "protocol/net/{n}.hpp"\n') for n in names
        ]
        findings = RULES["Asio stays behind the network facade"]([asio, inner, facade, *outside])
        self.assertEqual({f.path for f in findings}, {"broker/tcp.cpp", "broker/tls.cpp"})

    def test_a_finding_names_the_line(self) -> None:
        [finding] = RULES["no coroutine awaits inside a condition"](
            [File("broker/a.cpp", "/* two\nlines */\nif (co_await f()) {}\n")]
        )
        self.assertEqual(str(finding), "broker/a.cpp:3: name the result before the if")


if __name__ == "__main__":
    unittest.main()
