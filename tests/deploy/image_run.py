"""Runs the container image as Kubernetes would: another user, no capabilities, a root that can't be written.

tests/deploy/image_run.py LAYOUT:TAG    for root, with umoci and runc; on this machine's loopback
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

DEADLINE_SECONDS = 30
USER = 65532
DATA = "/var/lib/holdfast"


def write_settings(bundle):
    """What would be in a pod's description."""
    settings = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
    process = settings["process"]
    assert process["args"] == ["/usr/bin/holdfast", "serve"], process["args"]
    assert process["user"]["uid"] == process["user"]["gid"] == USER, process["user"]
    process["args"] += ["--listen", "127.0.0.1:0"]
    process["terminal"] = False
    process["capabilities"] = {}
    settings["root"]["readonly"] = True
    settings["mounts"].append({"destination": DATA, "type": "tmpfs", "source": "tmpfs",
                               "options": ["nosuid", "nodev", "noexec", "mode=0700", f"uid={USER}", f"gid={USER}"]})
    settings["linux"]["namespaces"] = [each for each in settings["linux"]["namespaces"] if each["type"] != "network"]
    (bundle / "config.json").write_text(json.dumps(settings), encoding="utf-8")


def ask(address, path, body=None):
    request = urllib.request.Request(address + path, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
        return answer.status, json.load(answer)


def main():
    with tempfile.TemporaryDirectory() as folder:
        bundle = pathlib.Path(folder) / "bundle"
        subprocess.run(["umoci", "unpack", "--image", sys.argv[1], bundle], check=True)
        programs = {path.name for path in (bundle / "rootfs").glob("**/bin/*")}
        assert programs == {"holdfast"}, programs
        write_settings(bundle)
        runc = ["runc", "--root", f"{folder}/state"]
        name = pathlib.Path(folder).name
        container = subprocess.Popen([*runc, "run", "--bundle", bundle, name], stdout=subprocess.PIPE, text=True,
                                     stdin=subprocess.DEVNULL)
        try:
            ready = container.stdout.readline()
            address = re.search(r"ready on (\S+)", ready)
            assert address, ready
            status, health = ask(address[1], "/actuator/health/readiness")
            assert status == 200 and health["status"] == "UP", health
            status, order = ask(address[1], "/preReservations", {"userId": 1, "price": 1000})
            assert status == 201 and order["status"] == "reservated", order
            elsewhere = subprocess.run([*runc, "exec", name, "/usr/bin/holdfast", "serve", "--data", "/elsewhere"],
                                       check=False, text=True, capture_output=True)
            assert elsewhere.returncode == 1 and "Read-only file system" in elsewhere.stderr, elsewhere
            subprocess.run([*runc, "kill", name, "TERM"], check=True)
            assert container.wait(DEADLINE_SECONDS) == 0, container.returncode
        finally:
            if container.poll() is None:
                subprocess.run([*runc, "kill", name, "KILL"], check=False)
                container.wait()
    print("image: runs read-only as another user, takes an order, and ends as it is told")


if __name__ == "__main__":
    main()
