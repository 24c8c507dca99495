"""The processes that a bench measures or needs: each on a port of its own, gone when the bench is."""
import atexit
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

from .machine import HOLDFAST, bench_program, give_up

MIB = 1024 * 1024


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for_port(port, name):
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                give_up(f"{name} does not listen")
            time.sleep(0.01)


class Program:
    """A holdfast command, timed from its start to its ready line."""

    ENDS_WITHIN_S = 120
    AT_REST_WITHIN_S = 120
    # In a second.
    AT_REST_CPU_S = 0.05

    def __init__(self, *arguments):
        self.began = time.monotonic()
        self.process = subprocess.Popen([HOLDFAST, *arguments, "--listen", "127.0.0.1:0"],
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        line = self.process.stdout.readline()
        self.ready_s = time.monotonic() - self.began
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            give_up(f"{arguments[0]} did not start: {line!r}")
        self.url, self.port = found.group(0), int(found.group(1))

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(timeout=self.ENDS_WITHIN_S)
        if how == signal.SIGTERM and code != 0:
            give_up(f"it ended with {code}")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024

    def resident_mib(self):
        return self.resident_bytes() / MIB

    def cpu_s(self):
        """Processor time so far, of all threads."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as figures:
            user, system = figures.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def wait_until_at_rest(self):
        """Until what it does after its last answer, as merging tables, is done."""
        gives_up_at = time.monotonic() + self.AT_REST_WITHIN_S
        while True:
            before = self.cpu_s()
            time.sleep(1)
            if self.cpu_s() - before < self.AT_REST_CPU_S:
                return
            if time.monotonic() > gives_up_at:
                give_up("it does not come to rest")

    def written_to_disk_bytes(self):
        """Whole pages, each time that they go to the disk."""
        with open(f"/proc/{self.process.pid}/io", encoding="ascii") as figures:
            return int(re.search(r"^write_bytes: (\d+)", figures.read(), re.MULTILINE).group(1))


class Server(Program):
    def __init__(self, data, *flags):
        super().__init__("serve", "--data", data, "--log-level", "warn", *flags)


class Provider(Program):
    """The payment provider as a process of its own."""

    def __init__(self, *flags):
        super().__init__("sandbox", "--log-level", "warn", *flags)

    def control(self, **knobs):
        """Turns knobs; the knobs and figures after that."""
        request = urllib.request.Request(self.url + "/control", json.dumps(knobs).encode(), method="PUT")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


class Ceiling:
    """A bare Beast server: one thread, a constant answer. Of the given length where one is given; where a file is,
    each waits for so many writes to it, synced one after the other."""

    def __init__(self, body_bytes=None, synced_to=None, syncs=2):
        self.port = free_port()
        length = [] if body_bytes is None else [str(body_bytes)]
        synced = [] if synced_to is None else ["--synced", synced_to, str(syncs)]
        self.process = subprocess.Popen([bench_program("ceiling"), str(self.port), *length, *synced])
        atexit.register(self.process.kill)
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for_port(self.port, "the ceiling")

    def end(self):
        self.process.terminate()
        self.process.wait()


class Redis:
    """A redis-server of this run's own, which keeps nothing."""

    def __init__(self):
        port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        self.port, self.url = port, f"redis://127.0.0.1:{port}/0"
        wait_for_port(port, "redis-server")

    def used_bytes(self):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"INFO memory\r\n")
            answer = b""
            while b"used_memory_human" not in answer:
                answer += connection.recv(4096)
        return int(re.search(rb"used_memory:(\d+)", answer).group(1))

    def end(self):
        self.process.terminate()
        self.process.wait()


class Postgres:
    """A PostgreSQL server of this run's own, on a socket in a folder of its own; as safe as Debian sets it up."""

    PROGRAMS = "/usr/lib/postgresql/15/bin"

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="holdfast-bench-postgres-")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        # It refuses to run as root: as root it runs as the user that its package made.
        self.user = {}
        if os.geteuid() == 0:
            postgres = pwd.getpwnam("postgres")
            os.chown(self.folder, postgres.pw_uid, postgres.pw_gid)
            self.user = {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
        subprocess.run([f"{self.PROGRAMS}/initdb", "--auth=trust", "--username=holdfast", "--encoding=UTF8",
                        "--locale=C", f"--pgdata={self.folder}/data"], stdout=subprocess.DEVNULL, check=True,
                       cwd=self.folder, **self.user)
        self.process = subprocess.Popen(
            [f"{self.PROGRAMS}/postgres", "-D", f"{self.folder}/data", "-k", self.folder, "-c", "listen_addresses="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder, **self.user)
        atexit.register(self.process.kill)
        deadline = time.monotonic() + 30
        while subprocess.run([f"{self.PROGRAMS}/createdb", "--host", self.folder, "--username", "holdfast", "holdfast"],
                             stderr=subprocess.DEVNULL, check=False).returncode != 0:
            if time.monotonic() > deadline:
                give_up("PostgreSQL does not start")
            time.sleep(0.1)
        self.url = f"postgres:///holdfast?user=holdfast&host={self.folder}"

    def ask(self, sql):
        """The one number that the query gives."""
        answer = subprocess.run([f"{self.PROGRAMS}/psql", "--host", self.folder, "--username", "holdfast", "--tuples-only",
                                 "--no-align", "--command", sql, "holdfast"], capture_output=True, text=True, check=True)
        return float(answer.stdout)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def refusing_provider():
    """A URL where nobody listens: every call is refused."""
    return f"http://127.0.0.1:{free_port()}"
