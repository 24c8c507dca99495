#!/usr/bin/env python3
"""The life of the Debian package on a machine with systemd: installed, used, killed, upgraded, removed, purged.

For a machine that may be thrown away: tests/deploy/own_machine tests/deploy/package_life.py
"""
import json
import os
import pathlib
import pwd
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

PACKAGE = next(pathlib.Path("/mnt/holdfast/build/package").glob("holdfast_*.deb"))
SETTINGS = pathlib.Path("/etc/holdfast/holdfast.toml")
ENVIRONMENT = pathlib.Path("/etc/holdfast/environment")
DATA = pathlib.Path("/var/lib/holdfast")
ORDER = {"userId": 1, "price": 1300000, "cardNo": "4242-4242-4242-4242"}
# Of `systemd-analyze security`, in tenths: 0 can do nothing, 100 all.
MOST_EXPOSURE = 20
DEADLINE_SECONDS = 30
BETWEEN_LOOKS_SECONDS = 0.05
# What dpkg, systemd and this machine's own life write. Of other packages' folders in /var/lib only the names count.
BOOKKEEPING = re.compile(r"/var/lib/(systemd/(random-seed|timers|timesync|catalog|coredump|linger)(/|$)"
                         r"|(?!systemd/|holdfast/)[^/]+/)"
                         r"|/var/(cache|log|backups|tmp)(/|$)|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$")
MOST_SHOWN = 10


def run(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def property_of_service(name):
    return run("systemctl", "show", "--property", name, "--value", "holdfast").strip()


def main_pid():
    return int(property_of_service("MainPID"))


def ask(method, path, body=None, port=8088):
    """Status and document; 0 where nobody listens."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith(b"{") else text.decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, None
    except OSError:
        return 0, None


def wait_for(condition, what):
    until = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}: {run('systemctl', 'status', 'holdfast')}"
        time.sleep(BETWEEN_LOOKS_SECONDS)


def files():
    found = set()
    for top in ("/etc", "/usr", "/opt", "/var"):
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if not BOOKKEEPING.match(f"{folder}/{name}")]
            found.update(path for name in names + folders if not BOOKKEEPING.match(path := f"{folder}/{name}"))
    return found


def serves_the_order():
    assert ask("GET", "/actuator/health/readiness")[0] == 200
    wait_for(lambda: (ask("GET", "/myReservations/1")[1] or {}).get("receiptStatus") == "receipt_issued", "the receipt")
    order = ask("GET", "/myReservations/1")[1]
    assert order["status"] == "reservated", order
    # The zone's rules are found in the sandbox.
    assert order["expectedDeliveryAt"].endswith("+09:00"), order


def is_installed_and_runs():
    run("dpkg", "--install", PACKAGE)
    # Type=notify: dpkg was not done before the service was.
    assert property_of_service("ActiveState") == "active"
    assert ask("GET", "/actuator/health/readiness")[0] == 200
    assert run("systemctl", "is-enabled", "holdfast").strip() == "enabled"
    assert ask("POST", "/preReservations", ORDER)[0] == 201
    serves_the_order()


def is_well_guarded():
    for check in (("verify",), ("security", f"--threshold={MOST_EXPOSURE}", "--no-pager")):
        checked = subprocess.run(["systemd-analyze", *check, "holdfast.service"], check=False, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert checked.returncode == 0, checked.stdout
    assert "holdfast.service" not in run("sh", "-c", "systemd-analyze verify holdfast.service 2>&1")


def runs_as_nobody_else():
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{main_pid()}/status").read_text(encoding="utf-8").splitlines())
    user = pwd.getpwnam("holdfast")
    assert status["Uid"].split() == [str(user.pw_uid)] * 4 and user.pw_uid != 0, status["Uid"]
    assert user.pw_shell.endswith("nologin")
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, status
    assert DATA.stat().st_mode & 0o777 == 0o700 and DATA.stat().st_uid == user.pw_uid
    assert ENVIRONMENT.stat().st_mode & 0o777 == 0o600
    assert "process_start_time_seconds" in ask("GET", "/metrics")[1]


def comes_back_when_killed():
    before = main_pid()
    os.kill(before, 9)
    wait_for(lambda: main_pid() not in (0, before) and property_of_service("ActiveState") == "active", "a new process")
    serves_the_order()


def ends_for_good_on_settings_that_it_refuses():
    good = SETTINGS.read_text(encoding="utf-8")
    SETTINGS.write_text(good + 'colour = "red"\n', encoding="utf-8")
    assert subprocess.run(["systemctl", "restart", "holdfast"], check=False, capture_output=True).returncode != 0
    wait_for(lambda: property_of_service("ActiveState") == "failed", "its end")
    assert property_of_service("ExecMainStatus") == "2" and property_of_service("NRestarts") == "0"
    assert "colour" in run("journalctl", "--unit", "holdfast", "--output", "cat")
    SETTINGS.write_text(good, encoding="utf-8")


def takes_variables_of_the_environment_file():
    ENVIRONMENT.write_text("HOLDFAST_LISTEN=127.0.0.1:8099\n", encoding="utf-8")
    run("systemctl", "restart", "holdfast")
    assert ask("GET", "/actuator/health/readiness", port=8099)[0] == 200
    ENVIRONMENT.write_text("", encoding="utf-8")
    run("systemctl", "restart", "holdfast")
    serves_the_order()


def is_upgraded():
    """By the same version, which dpkg takes for one: the service is started again, and what was changed stays."""
    changed = SETTINGS.read_text(encoding="utf-8") + 'delivery-days = 1\n'
    SETTINGS.write_text(changed, encoding="utf-8")
    before = main_pid()
    run("dpkg", "--force-confold", "--install", PACKAGE)
    assert main_pid() not in (0, before)
    assert SETTINGS.read_text(encoding="utf-8") == changed
    serves_the_order()


def is_removed():
    run("dpkg", "--remove", "holdfast")
    assert ask("GET", "/")[0] == 0
    # It was told to end, and had the time to.
    last_words = run("journalctl", "--unit", "holdfast", "--output", "cat", "--lines", "5")
    assert '"ended"' in last_words and "Deactivated successfully" in last_words, last_words
    assert SETTINGS.exists() and not pathlib.Path("/usr/bin/holdfast").exists()
    run("dpkg", "--install", PACKAGE)
    serves_the_order()


def leaves_only_its_data(before):
    run("dpkg", "--purge", "holdfast")
    assert ask("GET", "/")[0] == 0
    left = {path for path in files() - before if not path.startswith(str(DATA))}
    assert not left, sorted(left)[:MOST_SHOWN]
    gone = before - files()
    assert not gone, sorted(gone)[:MOST_SHOWN]
    assert (DATA / "reservations").is_dir()
    assert pwd.getpwuid(DATA.stat().st_uid).pw_name == "holdfast"


def main():
    # Where tests are run services are often kept from starting by themselves; here they are the point.
    pathlib.Path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
    before = files()
    for step in (is_installed_and_runs, is_well_guarded, runs_as_nobody_else, comes_back_when_killed,
                 ends_for_good_on_settings_that_it_refuses, takes_variables_of_the_environment_file, is_upgraded,
                 is_removed):
        step()
        print("package:", step.__name__.replace("_", " "), flush=True)
    leaves_only_its_data(before)
    print("package: leaves only its data when purged", flush=True)


if __name__ == "__main__":
    sys.exit(main())
