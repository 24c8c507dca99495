"""A provider that takes 400 to 620 ms against a time-out of 620 ms, then one that is well again: when the
circuit breaker opens and closes, how fast it refuses meanwhile, how many calls the provider sees at once.
Fails where money and reservations disagree afterwards."""
import collections
import json
import re
import selectors
import statistics
import subprocess
import time

from .clients import ORDER, Connection
from .machine import HOLDFAST, give_up, new_folder
from .processes import Provider, Server

# How often the breaker is looked at: its changes are known to about this.
LOOK_EVERY_S = 0.005
# For everything that was left open to settle; retries back off to 15 s.
SETTLED_WITHIN_S = 120


def add_arguments(parser):
    parser.add_argument("--customers", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--seconds-after", type=int, default=2)


# What a customer was told, and the breaker's state where it was one all the while, else None.
Answer = collections.namedtuple("Answer", "told took_s state")


class Crowd:
    """Customers who place in a closed loop, and one who looks at the breaker, all in one thread:
    the times hold what this thread takes to get round."""

    def __init__(self, server, customers):
        place = (f"POST /preReservations HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {len(ORDER)}\r\n\r\n{ORDER}").encode()
        look = b"GET /actuator/circuitbreakers HTTP/1.1\r\nHost: shop.test\r\n\r\n"
        self.looker = Connection(server.port, look)
        self.customers = [Connection(server.port, place) for _ in range(customers)]
        self.selector = selectors.DefaultSelector()
        for each in (self.looker, *self.customers):
            self.selector.register(each.socket, selectors.EVENT_READ, each)
        self.answers = []
        # (time, state) of each change that was seen.
        self.changes = [(time.monotonic(), "CLOSED")]
        # How many changes there had been when each customer asked who waits for his answer.
        self.waiting = {}

    def place(self, customer):
        self.waiting[customer] = len(self.changes)
        customer.send()

    def told(self, customer, status, body):
        code = re.search(rb'"code":"([a-z-]+)"', body) if status >= 400 else None
        told = f"{status} {code.group(1).decode()}" if code else str(status)
        unchanged = self.waiting.pop(customer) == len(self.changes)
        self.answers.append(
            Answer(told, time.monotonic() - customer.sent_at, self.changes[-1][1] if unchanged else None))

    def looked(self, body):
        state = json.loads(body)["circuitBreakers"]["payment"]["state"]
        if state != self.changes[-1][1]:
            self.changes.append((time.monotonic(), state))

    def work(self, until):
        """Places until then, and waits for the last answers."""
        for each in self.customers:
            self.place(each)
        next_look, looking = time.monotonic(), False
        while self.waiting:
            if not looking and time.monotonic() >= next_look:
                self.looker.send()
                looking = True
            for key, _ in self.selector.select(LOOK_EVERY_S):
                answer = key.data.read()
                if answer is None:
                    continue
                if key.data is self.looker:
                    self.looked(answer[1])
                    next_look, looking = time.monotonic() + LOOK_EVERY_S, False
                else:
                    self.told(key.data, *answer)
                    if not until():
                        self.place(key.data)
        if looking:
            while (answer := self.looker.read()) is None:
                pass
            self.looked(answer[1])


def print_answers(when, answers):
    print(f"answers {when}:")
    for told, count in sorted(collections.Counter(each.told for each in answers).items()):
        times = sorted(each.took_s * 1e3 for each in answers if each.told == told)
        print(f"  {told:24} {count:7}   p50 {statistics.median(times):7.2f} ms"
              f"   p99 {times[len(times) * 99 // 100]:7.2f} ms   most {times[-1]:7.2f} ms")


def wait_until_settled(data, provider):
    """Seconds until no reservation is under way any more; money and reservations have to agree."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLED_WITHIN_S:
        run = subprocess.run([HOLDFAST, "reconcile", "--data", data, "--payment", provider.url,
                              "--payment-timeout", "30s", "--format", "json", "--log-level", "warn"],
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            give_up(f"reconcile ended with {run.returncode}:\n{run.stdout}{run.stderr}")
        summary = next(line for line in map(json.loads, run.stdout.splitlines()) if line["type"] == "summary")
        if summary["underWay"] == 0:
            return time.monotonic() - began, summary
    give_up(f"not everything has settled within {SETTLED_WITHIN_S} s")


def run(options):
    with new_folder() as data:
        provider = Provider("--latency", "400ms-620ms")
        server = Server(data, "--payment", provider.url, "--payment-timeout", "620ms")
        crowd = Crowd(server, options.customers)
        began = time.monotonic()
        crowd.work(until=lambda: time.monotonic() - began > options.seconds)
        while_slow = crowd.answers
        opened = [at - began for at, state in crowd.changes if state == "OPEN"]
        if not opened:
            give_up("the circuit breaker did not open")
        figures = provider.control(latency="0ms")
        crowd.answers, well, seen = [], time.monotonic(), len(crowd.changes)
        crowd.work(until=lambda: any(time.monotonic() - at > options.seconds_after and state == "CLOSED"
                                     for at, state in crowd.changes[seen:]))
        closed = next(at - well for at, state in crowd.changes[seen:] if state == "CLOSED")

        print(f"{options.customers} customers in a closed loop; provider at 400 to 620 ms for"
              f" {options.seconds} s, time-out 620 ms, then at 0 ms")
        print(f"opened {opened[0]:.3f} s after the load began; {len(opened)} times in all")
        print_answers("while it was open", [each for each in while_slow if each.state == "OPEN"])
        print_answers("before that and half open, the provider being slow",
                      [each for each in while_slow if each.state != "OPEN"])
        print(f"most calls at once that the provider saw: {figures['mostCallsAtOnce']}")
        print(f"closed {closed:.3f} s after the provider was well")
        print_answers("since the provider was well", crowd.answers)
        took, summary = wait_until_settled(data, provider)
        print(f"all settled {took:.1f} s after the load: {json.dumps(summary)}")
        server.end()
        provider.end()
