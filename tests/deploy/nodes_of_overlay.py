"""Runs the nodes that an overlay describes, without Kubernetes: tests/deploy/nodes_of_overlay.py BINARY RENDERED.yaml ...

One of each role, as a process of the real binary with the arguments, variables, profile and certificates that its pod
would have, beside a real PostgreSQL and Redis and `holdfast sandbox`, all on loopback. Each probe has to be answered, an
order to be placed, charged, given its receipt and shown, and each node to end within its grace period.
"""
import hashlib
import importlib.machinery
import importlib.util
import json
import math
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from manifests import ROOT, Overlay

DEADLINE_SECONDS = 60
BETWEEN_LOOKS_SECONDS = 0.05
# Loopback is a whole network: each pod gets an address of its own.
ADDRESSES = "127.9.88."
# Of an operator, who may do everything.
KEY = "hf_" + secrets.token_hex(32)
BINARY = os.path.abspath(sys.argv[1])


def local_cluster():
    """scripts/cluster, which can start what nodes share."""
    loader = importlib.machinery.SourceFileLoader("cluster", str(ROOT / "scripts/cluster"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cluster", loader))
    loader.exec_module(module)
    return module


def ask(address, path, body=None):
    """Status and text; 0 where nobody answers."""
    request = urllib.request.Request(f"http://{address}:8088{path}",
                                     data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""


def wait_for(condition, what, nodes):
    until = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        ended = [node for node in nodes if node.process.poll() is not None]
        assert not ended, f"{ended[0].name} ended ({ended[0].process.returncode}): {ended[0].log()}"
        assert time.monotonic() < until, f"waited in vain for {what}: {[node.log()[-2000:] for node in nodes]}"
        time.sleep(BETWEEN_LOOKS_SECONDS)


class Node:
    """A pod of a Deployment, as a process."""

    def __init__(self, overlay, deployment, address, site):
        self.name = deployment["metadata"]["name"]
        self.told_at = 0
        self.address = address
        self.template = deployment["spec"]["template"]
        self.container = self.template["spec"]["containers"][0]
        self.folder = pathlib.Path(site.folder) / overlay.name / self.name
        mounts = {}
        for mount in self.container["volumeMounts"]:
            volume = next(each for each in self.template["spec"]["volumes"] if each["name"] == mount["name"])
            mounts[mount["mountPath"]] = self.folder / mount["name"]
            (self.folder / mount["name"]).mkdir(parents=True)
            if "secret" in volume:
                shutil.copytree(site.files[volume["secret"]["secretName"]], self.folder / mount["name"], dirs_exist_ok=True)
            elif "configMap" in volume:
                profile = in_their_place(overlay.profile_of(deployment), mounts_of(self.container, self.folder))
                profile = profile.replace("0.0.0.0:8088", f"{address}:8088")
                profile = re.sub(r"http://[\w.-]+:9090", site.provider, profile)
                (self.folder / mount["name"] / "holdfast.toml").write_text(profile, encoding="utf-8")
        arguments = [in_their_place(each, mounts) for each in self.container["args"]]
        self.process = subprocess.Popen([BINARY, *arguments], env=self.variables(site.secrets), cwd="/",
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.folder / "log", "w", encoding="utf-8"))

    def variables(self, of_secrets):
        values = {}
        for each in self.container["env"]:
            source = each.get("valueFrom", {})
            if "fieldRef" in source:
                field = source["fieldRef"]["fieldPath"]
                label = re.fullmatch(r"metadata\.labels\['(.*)'\]", field)
                value = self.template["metadata"]["labels"][label[1]] if label else {"status.podIP": self.address}[field]
            elif "resourceFieldRef" in source:
                kind, name = source["resourceFieldRef"]["resource"].split(".")
                value = str(math.ceil(float(self.container["resources"][kind][name])))
            elif "secretKeyRef" in source:
                secret = re.sub(r"-[a-z0-9]{10}$", "", source["secretKeyRef"]["name"])
                value = of_secrets[secret][source["secretKeyRef"]["key"]]
            else:
                value = re.sub(r"\$\((\w+)\)", lambda name: values[name[1]], each["value"])
            values[each["name"]] = value
        return values

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8")

    def answers(self, probe):
        return ask(self.address, self.container[probe]["httpGet"]["path"])[0] == 200

    def tell_to_end(self):
        """As the kubelet does after preStop."""
        self.told_at = time.monotonic()
        self.process.send_signal(signal.SIGTERM)

    def wait_for_end(self):
        """How long it took."""
        grace = self.template["spec"]["terminationGracePeriodSeconds"]
        code = self.process.wait(grace - self.container["lifecycle"]["preStop"]["sleep"]["seconds"])
        assert code == 0, f"{self.name} ended with {code}: {self.log()}"
        return time.monotonic() - self.told_at


def mounts_of(container, folder):
    return {each["mountPath"]: folder / each["name"] for each in container["volumeMounts"]}


def in_their_place(text, mounts):
    for path, folder in mounts.items():
        text = text.replace(path, str(folder))
    return text


class Site:
    """What the nodes share."""

    def __init__(self, folder):
        self.folder = folder
        shared = local_cluster()
        self.shared = shared.Cluster(folder, shared.Ports(0, free=True), [])
        self.shared.start_postgres()
        self.shared.children.append(self.shared.run("redis", "redis-server", "--bind", "127.0.0.1", "--port",
                                                    self.shared.ports.redis, "--save", ""))
        port = shared.free_port()
        self.shared.children.append(self.shared.run("sandbox", BINARY, "sandbox", "--listen", f"127.0.0.1:{port}"))
        shared.wait_for(lambda: shared.answers(self.shared.ports.redis) and shared.answers(port), "Redis, the sandbox")
        self.provider = f"http://127.0.0.1:{port}"
        self.secrets = {"holdfast-stores": {"journal": self.shared.database,
                                            "view": f"redis://127.0.0.1:{self.shared.ports.redis}/0"},
                        "holdfast-payment": {"key": "sk_sandbox"}}
        self.files = {"holdfast-node-certificate": self.make_certificates(pathlib.Path(folder)),
                      "holdfast-keys": self.make_keys(pathlib.Path(folder))}

    @staticmethod
    def make_keys(folder):
        (folder / "keys").mkdir()
        line = f"{hashlib.sha256(KEY.encode()).hexdigest()} test operator\n"
        (folder / "keys" / "api-keys").write_text(line, encoding="utf-8")
        return folder / "keys"

    @staticmethod
    def make_certificates(folder):
        """As docs/deploying.md makes them."""
        subprocess.run([ROOT / "scripts/certs", folder / "certs", "node"], check=True, stdout=subprocess.DEVNULL)
        (folder / "node-certificate").mkdir()
        for there, name in (("node.pem", "tls.crt"), ("node.key", "tls.key"), ("authority.pem", "ca.crt")):
            shutil.copy(folder / "certs" / there, folder / "node-certificate" / name)
        return folder / "node-certificate"


def try_out(overlay):
    with tempfile.TemporaryDirectory() as folder:
        # PostgreSQL, as another user, has to reach its folder in it.
        os.chmod(folder, 0o711)
        site = Site(folder)
        nodes = {}
        try:
            for number, (role, deployment) in enumerate(sorted(overlay.nodes().items()), 1):
                nodes[role] = Node(overlay, deployment, f"{ADDRESSES}{number}", site)
            running = list(nodes.values())
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                wait_for(lambda: all(node.answers(probe) for node in running), probe, running)
            gateway = nodes["gateway"].address
            wait_for(lambda: "\nholdfast_cluster_members 4\n" in ask(gateway, "/metrics")[1] and
                     "\nholdfast_cluster_shards_without_owner 0\n" in ask(gateway, "/metrics")[1], "four nodes", running)
            status, order = ask(gateway, "/preReservations", {"userId": 1, "price": 1300000,
                                                              "cardNo": "4242-4242-4242-4242"})
            assert status == 201, order
            number = json.loads(order)["id"]
            wait_for(lambda: '"status":"receipt_issued"' in ask(gateway, f"/receipts/{number}")[1], "the receipt", running)
            wait_for(lambda: '"totalElements":1' in ask(gateway, "/myReservations?userId=1")[1], "the view", running)
            for node in running:
                node.tell_to_end()
            longest = max(node.wait_for_end() for node in running)
        finally:
            for node in nodes.values():
                if node.process.poll() is None:
                    node.process.kill()
                    node.process.wait()
            site.shared.end()
    print(f"nodes_of_overlay: {overlay.name}: {len(nodes)} nodes took an order; each ended within {longest:.1f} s")


def main():
    for path in sys.argv[2:]:
        try_out(Overlay(path))


if __name__ == "__main__":
    main()
