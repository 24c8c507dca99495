"""The real processes, and the plainest of HTTP clients: one request, one connection."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

DEADLINE_SECONDS = 60
BETWEEN_LOOKS_SECONDS = 0.02


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(BETWEEN_LOOKS_SECONDS)
    return found


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status_line.split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    def json(self):
        return json.loads(self.body)


class Exchange:
    """A request that is under way: it may be finished later, and its answer read later still."""

    def __init__(self, port, data):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS)
        self.socket.sendall(data)

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        received = b"".join(iter(lambda: self.socket.recv(65536), b""))
        self.socket.close()
        if not received:
            raise ConnectionError("the connection was closed without an answer")
        return Answer(received)


class Stream(Exchange):
    """A request whose answer goes on: answer() reads its head, events() what follows, as it comes."""

    def answer(self):
        self.file, self.text = self.socket.makefile("rb"), b""
        answer = Answer(b"".join(iter(self.file.readline, b"\r\n")) + b"\r\n")
        if "transfer-encoding" not in answer.headers:
            answer.body = self.file.read()
        return answer

    def events(self):
        """Those that have data, each as its fields. A stream that breaks off or brings no end is an error."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (event := self.next_event()) is not None:
            if time.monotonic() > deadline:
                raise TimeoutError("waited in vain for events")
            if "data" in event:
                yield event

    def next_event(self):
        while b"\n\n" not in self.text:
            if not (chunk := self.chunk()):
                return None
            self.text += chunk
        event, _, self.text = self.text.partition(b"\n\n")
        return dict(line.split(": ", 1) for line in event.decode().split("\n") if not line.startswith(":"))

    def chunk(self):
        data = self.file.read(int(self.file.readline(), 16))
        self.file.readline()
        return data

    def close(self):
        self.file.close()
        self.socket.close()


class Process:
    """A child that is killed at the end, by its own id. `port` is read from what it prints."""

    def __init__(self, folder, command, ready):
        self.output = pathlib.Path(folder) / f"output-{time.monotonic_ns()}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        with open(self.output, "wb") as output:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          env=environment)
        try:
            self.port = int(wait_for(lambda: self.find(ready), f"{command[0]} to be ready")[1])
        except TimeoutError:
            self.kill()
            raise TimeoutError(f"{command} does not start:\n{self.output.read_text()}") from None

    def find(self, pattern):
        if self.child.poll() is not None:
            raise ChildProcessError(f"it has ended:\n{self.output.read_text()}")
        return re.search(pattern, self.output.read_text(errors="replace"))

    def terminate(self):
        self.child.send_signal(signal.SIGTERM)

    def wait(self):
        return self.child.wait(DEADLINE_SECONDS)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def serve(folder, binary, *flags):
    pathlib.Path(folder).mkdir(exist_ok=True)
    return Process(folder, [binary, "serve", "--listen", "127.0.0.1:0", "--data", f"{folder}/data", *flags],
                   r"ready on http://127\.0\.0\.1:(\d+)")


def sandbox(folder, binary):
    return Process(folder, [binary, "sandbox", "--listen", "127.0.0.1:0"], r"ready on http://127\.0\.0\.1:(\d+)")


def redis(folder):
    """Takes no port 0: a free one is tried."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    return Process(folder, command, rf"(?s)port[=: ]+({port})\b.*Ready to accept connections")
