"""What is not ours: fetched by the machine's package managers, once, into the user's cache folder."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Iterator

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "millrace-bench"
FETCH_SECONDS = 600


class Missing(Exception):
    """Says what is not on this machine and why; its rows are skipped."""


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    """One of several processes fetches; the others wait, and find it done."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _run(what: str, command: list[str | Path], folder: Path) -> str:
    if shutil.which(command[0]) is None:
        raise Missing(f"{what}: there is no {command[0]} on this machine")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{what}: {command[0]} took more than {FETCH_SECONDS} s") from None
    if done.returncode != 0:
        raise Missing(f"{what}: {command[0]} says: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def _jars(what: str, part: str) -> Path:
    if shutil.which("java") is None:
        raise Missing(f"{what}: there is no Java on this machine")
    with _folder(part) as folder:
        jars = folder / "jars"
        if not (folder / "done").exists():
            _run(what, ["mvn", "-q", "-B", "-f", HERE / f"{part}.xml",
                        "dependency:copy-dependencies", f"-DoutputDirectory={jars}"], folder)  # fmt: skip
            (folder / "done").touch()
        return jars


def kafka_jars() -> Path:
    """The folder with the jars of Apache Kafka's broker."""
    return _jars("Apache Kafka", "kafka")


def kafka_tools_jars() -> Path:
    """The folder with the jars of Kafka's generators."""
    return _jars("Kafka's generators", "kafka-tools")


def jar_version(jars: Path, name: str) -> str:
    for path in jars.glob(f"{name}-[0-9]*.jar"):
        return path.stem[len(name) + 1 :]
    raise Missing(f"{name}: its jar is not in {jars}")


def _apt(folder: Path) -> list[str]:
    """Options that let apt-get see source packages without a change to the machine's own lists."""
    listing = _run(
        "source packages",
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages", "Origin: Debian"], folder,
    )  # fmt: skip
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    lines = sorted({f"deb-src [signed-by={key}] {line}\n" for line in listing.splitlines()})
    if not lines:
        raise Missing("source packages: apt knows no repository of Debian")
    (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text("".join(lines), encoding="utf-8")
    return ["-o", f"Dir::Etc::sourcelist={folder}/sources.list", "-o", "Dir::Etc::sourceparts=-",
            "-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}"]  # fmt: skip


def rdkafka_performance() -> Path:
    """The generator, compiled against the librdkafka that kcat brought, from the same version's
    source."""
    what = "rdkafka_performance"
    with _folder("librdkafka") as folder:
        program = folder / what
        if program.exists():
            return program
        version = _run(what, ["dpkg-query", "-W", "-f", "${source:Version}", "librdkafka1"], folder)
        options = _apt(folder)
        _run(what, ["apt-get", "-q", *options, "update"], folder)
        _run(what, ["apt-get", "-q", *options, "source", f"librdkafka={version}"], folder)
        source = next(path for path in folder.glob("librdkafka-*") if path.is_dir())
        # The example needs nothing that the configuration of the library would have found out.
        (source / "config.h").touch()
        _run(what, ["clang-19", "-O2", f"-I{source}/src", source / "examples/rdkafka_performance.c",
                    "-l:librdkafka.so.1", "-lpthread", "-lm", "-o", program], folder)  # fmt: skip
        return program


def nats_server() -> Path:
    """NATS from Debian's package, unpacked and not installed."""
    what = "NATS"
    with _folder("nats") as folder:
        program = folder / "usr/sbin/nats-server"
        if not program.exists():
            _run(what, ["apt-get", "-q", "download", "nats-server"], folder)
            package = next(folder.glob("nats-server_*.deb"))
            _run(what, ["dpkg", "-x", package, folder], folder)
        return program


def version_of(command: list[str | Path], pattern: str) -> str:
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = re.search(pattern, said.stdout + said.stderr)
    return found[1] if found else "of unknown version"
