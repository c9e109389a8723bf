#!/usr/bin/env python3
"""config/deploy/ against the schemas of Kubernetes, systemd's own check, and the binary.

Nothing is deployed. What a file names must be there: packages that hold the libraries which the
binary wants, options that `millrace start` has, labels that select something.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))
import harness  # noqa: E402

DEPLOY = harness.ROOT / "config/deploy"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
KUBERNETES = ("1.32", "1.37")  # the oldest and the newest that the manifests are held against


def run(*command: str, **more: Any) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, **more)
    if result.returncode != 0:
        raise AssertionError(f"{command}: {result.stdout}{result.stderr}")
    return result.stdout


class Systemd(unittest.TestCase):
    def test_the_unit_is_one(self) -> None:
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as folder:
            unit = (DEPLOY / "millrace.service").read_text(encoding="utf-8")
            self.assertIn("/usr/local/bin/millrace", unit)
            # The path is looked at; everything else stays as it is.
            unit = unit.replace("/usr/local/bin/millrace", str(harness.BINARY))
            path = Path(folder) / "millrace.service"
            path.write_text(unit, encoding="utf-8")
            result = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)],
                capture_output=True, text=True, timeout=60)
            complaints = [line for line in result.stderr.splitlines() if "millrace.service" in line]
            self.assertEqual(complaints, [])
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_broken_unit_is_found_out(self) -> None:
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "millrace.service"
            path.write_text("[Service]\nExecStart=/bin/true\nKillSignal=LOUD\n", encoding="utf-8")
            result = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)],
                capture_output=True, text=True, timeout=60)
            self.assertIn("LOUD", result.stderr)


class Image(unittest.TestCase):
    def test_the_runtime_packages_hold_every_library(self) -> None:
        dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
        runtime = dockerfile.split("\nFROM ")[-1]
        installed = re.search(r"no-install-recommends install(.*?)&&", runtime, re.DOTALL)
        assert installed
        packages = set(installed[1].replace("\\", " ").split())
        base = {"libc6", "libgcc-s1"}  # in every image of Debian
        for line in run("ldd", str(harness.BINARY)).splitlines():
            found = re.search(r"=> (\S+)", line)
            if not found:
                continue
            library = Path(found[1]).resolve()
            owner = run("dpkg", "-S", f"*/{library.parent.name}/{library.name}").split(":")[0]
            self.assertIn(owner, packages | base, f"{library} comes from {owner}")

    def test_what_it_copies_and_runs_is_there(self) -> None:
        dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
        self.assertIn("RUN ./dev build release", dockerfile)
        self.assertIn("/src/build/release/bin/millrace", dockerfile)
        self.assertTrue((harness.ROOT / "dev").exists())


class Kubernetes(unittest.TestCase):
    documents: list[dict[str, Any]] = []

    @classmethod
    def setUpClass(cls) -> None:
        harness.use_pypi(REQUIREMENTS)
        import yaml

        files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        cls.documents = [
            document for path in files for document in yaml.safe_load_all(path.read_text("utf-8"))]

    def by_kind(self, kind: str) -> list[dict[str, Any]]:
        found = [document for document in self.documents if document["kind"] == kind]
        self.assertTrue(found, f"there is no {kind}")
        return found

    def test_the_manifests_fit_their_schemas(self) -> None:
        import kubernetes_validate

        for version in KUBERNETES:
            for document in self.documents:
                with self.subTest(kind=document["kind"], version=version):
                    kubernetes_validate.validate(document, version, strict=True)

    def test_a_wrong_manifest_is_found_out(self) -> None:
        import copy

        import kubernetes_validate

        wrong = copy.deepcopy(self.by_kind("StatefulSet")[0])
        wrong["spec"]["replica"] = wrong["spec"].pop("replicas")
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)

    def test_names_lead_somewhere(self) -> None:
        [stateful] = self.by_kind("StatefulSet")
        labels = stateful["spec"]["template"]["metadata"]["labels"].items()
        services = {one["metadata"]["name"]: one for one in self.by_kind("Service")}
        self.assertIn(stateful["spec"]["serviceName"], services)
        self.assertEqual(services[stateful["spec"]["serviceName"]]["spec"]["clusterIP"], "None")
        for one in services.values():
            self.assertLessEqual(set(one["spec"]["selector"].items()), set(labels))
        [budget] = self.by_kind("PodDisruptionBudget")
        self.assertLessEqual(set(budget["spec"]["selector"]["matchLabels"].items()), set(labels))
        [container] = stateful["spec"]["template"]["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        for one in services.values():
            self.assertLessEqual({port["targetPort"] for port in one["spec"]["ports"]}, ports)
        variables = {one["name"]: one["value"] for one in container["env"]}
        self.assertEqual(variables["REPLICAS"], str(stateful["spec"]["replicas"]))
        self.assertEqual(variables["SERVICE"], stateful["spec"]["serviceName"])
        maps = {one["metadata"]["name"]: one["data"] for one in self.by_kind("ConfigMap")}
        self.assertIn(container["envFrom"][0]["configMapRef"]["name"], maps)
        config = next(one for one in stateful["spec"]["template"]["spec"]["volumes"]
                      if one["name"] == "config")
        self.assertIn("start.sh", maps[config["configMap"]["name"]])

    def start(self, pod: int, form: str = "true", cluster_found: bool = False) -> list[str]:
        """What start.sh runs in the end, with a `millrace` that says so instead of running."""
        [script] = [one["data"]["start.sh"] for one in self.by_kind("ConfigMap")
                    if "start.sh" in one["data"]]
        with tempfile.TemporaryDirectory() as folder:
            fake = Path(folder) / "millrace"
            fake.write_text(
                "#!/bin/sh\n"
                f'if [ "$1" = topic ]; then exit {0 if cluster_found else 1}; fi\n'
                'for word in "$@"; do echo "$word"; done\n', encoding="utf-8")
            fake.chmod(0o755)
            environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOSTNAME": f"millrace-{pod}",
                           "SERVICE": "millrace", "REPLICAS": "3", "FORM_CLUSTER": form}
            return run("sh", "-c", script, env=environment).splitlines()

    def test_pod_0_forms_the_first_cluster_and_no_second(self) -> None:
        others = "millrace-1.millrace:9092,millrace-2.millrace:9092"
        self.assertNotIn("--join", self.start(0))
        self.assertEqual(self.start(0, cluster_found=True)[-2:], ["--join", others])
        self.assertEqual(self.start(0, form="false")[-2:], ["--join", others])

    def test_the_other_pods_join(self) -> None:
        words = self.start(2)
        self.assertEqual(words[-2:], ["--join", "millrace-0.millrace:9092,millrace-1.millrace:9092"])
        self.assertIn("node.id=3", words)
        self.assertIn("advertised.listeners=PLAINTEXT://millrace-2.millrace:9092", words)

    def test_the_settings_are_known_to_the_binary(self) -> None:
        words = self.start(0)
        settings = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        with tempfile.NamedTemporaryFile("w", suffix=".properties") as file:
            file.write("\n".join(settings) + "\n")
            file.flush()
            run(str(harness.BINARY), "config", "check", file.name)


if __name__ == "__main__":
    harness.main()
