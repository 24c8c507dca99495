"""Who asks a server: wrk in a closed loop, customers in an open loop, single connections."""
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request

from .machine import bench_program, give_up

ORDER = ('{"userId":1,"userAddress":"seoul","productId":1,"productName":"fold","price":1300000,'
         '"cardNo":"1234-1234-1234-1234"}')
PLACE = f"""wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{ORDER}'
"""

# Orders that differ as those of a shop do: equal ones would be stored in next to nothing.
PLACE_VARIED = """math.randomseed(1)
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local streets = {"jongno", "teheran", "sejong", "gangnam", "itaewon", "hangang", "dosan", "olympic", "mapo", "yangjae"}
local products = {"fold", "flip", "ultra", "plus", "buds", "watch", "tab", "book"}
request = function()
  local product = math.random(#products)
  return wrk.format(nil, nil, nil, string.format(
    '{"userId":%d,"userAddress":"seoul %s-ro %d-%d","productId":%d,"productName":"%s","price":%d,' ..
    '"cardNo":"4%03d-%04d-%04d-%04d"}',
    math.random(1000000), streets[math.random(#streets)], math.random(400), math.random(60), product,
    products[product], 100000 + 1000 * math.random(1900), math.random(0, 999), math.random(0, 9999),
    math.random(0, 9999), math.random(0, 9999)))
end
"""


def write_script(folder, name, text):
    """The path of a script for wrk."""
    path = os.path.join(folder, name + ".lua")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def milliseconds(text):
    found = re.fullmatch(r"([\d.]+)(us|ms|s)", text)
    if not found:
        give_up(f"wrk printed a time of {text!r}")
    value, unit = found.groups()
    return float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def not_good_in(out):
    """Answers that were not 2xx, and waits that wrk gave up after two seconds, as it tells."""
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    if errors and any(map(int, errors.groups()[:3])):
        give_up(f"connections were lost:\n{out}")
    return int(refused.group(1)) if refused else 0, int(errors.group(4)) if errors else 0


def result_of_wrk(out, all_good=True):
    """Requests a second, p50 and p99 in ms."""
    if all_good and any(not_good_in(out)):
        give_up(f"not every answer was good:\n{out}")
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            milliseconds(re.search(r"^ +50% +(\S+)$", out, re.MULTILINE).group(1)),
            milliseconds(re.search(r"^ +99% +(\S+)$", out, re.MULTILINE).group(1)))


def wrk_command(url, connections, seconds, script=None):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    return command + (["-s", script] if script else []) + [url]


def load(url, connections, seconds, script=None):
    """Requests a second, p50 and p99 in ms, by wrk on one thread."""
    return result_of_wrk(subprocess.run(wrk_command(url, connections, seconds, script), capture_output=True,
                                        text=True, check=True).stdout)


def median_of(results):
    """The median of each figure of several results."""
    return tuple(statistics.median(figures) for figures in zip(*results))


class EndlessLoad:
    """wrk until it is told to end."""

    LONGEST_S = 7 * 24 * 3600

    def __init__(self, url, connections, script=None):
        self.process = subprocess.Popen(wrk_command(url, connections, self.LONGEST_S, script),
                                        stdout=subprocess.PIPE, text=True)

    def end(self):
        return result_of_wrk(self.out_at_end())

    def end_of_long_run(self):
        """As result_of_wrk(), and how many were refused and were late: over a quarter of an hour the machine itself
        may stand still."""
        out = self.out_at_end()
        return (*result_of_wrk(out, all_good=False), *not_good_in(out))

    def out_at_end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)[0]


def come(server, rate, seconds, connections, meanwhile=lambda: None):
    """Customers in an open loop: each second's tally and the whole one. They wait from when they meant
    to ask, whether or not the server let them."""
    customers = subprocess.Popen([bench_program("open_loop"), str(server.port), str(rate), str(seconds),
                                  str(connections)], stdout=subprocess.PIPE, text=True)
    while customers.poll() is None:
        meanwhile()
        time.sleep(0.1)
    if customers.returncode != 0:
        give_up(f"the customers ended with {customers.returncode}")
    *each_second, whole = map(json.loads, customers.stdout)
    return each_second, whole


def get(url):
    """The document, or None where the answer is 503 for now."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 503:
            return None
        give_up(f"GET {url}: {error.code} {error.read()!r}")


def count_or_none(server):
    page = get(server.url + "/preReservations?size=1")
    return page and page["page"]["totalElements"]


def count_of(server):
    """How many reservations the view shows."""
    count = count_or_none(server)
    if count is None:
        give_up("the view is not there")
    return count


def wait_for_count(server, count, within_s):
    """Seconds from the start of the process until its view is there and shows this many reservations."""
    while True:
        seen, now = count_or_none(server), time.monotonic()
        if seen == count:
            return now - server.began
        if now - server.began > within_s:
            give_up(f"the view shows {seen} reservations of {count} after {within_s} s")
        time.sleep(0.05)


class Connection:
    """A keep-alive connection with one request under way at most."""

    def __init__(self, port, request):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.received = b""
        self.sent_at = None

    def send(self):
        self.sent_at = time.monotonic()
        self.socket.sendall(self.request)

    def read(self):
        """The status and body once they are here; to be called when there is something to read."""
        arrived = self.socket.recv(65536)
        if not arrived:
            give_up("the server has closed a connection")
        self.received += arrived
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if not end or len(body) < int(length.group(1)):
            return None
        self.received = b""
        return int(head[9:12]), body

    def ask(self, request):
        """The status and body of one request."""
        self.request = request
        self.send()
        while (answer := self.read()) is None:
            pass
        return answer
