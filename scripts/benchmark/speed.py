"""Placing, reading, listing and cancelling, with the embedded view and with Redis, against a bare Beast server
(the ceiling), in turn: medians, and the median of the pairs' ratios. Each work begins when the server is done with
what the one before has left it, such as tables to merge. Fails on any error or answer that is not 2xx. A list is
compared with the ceiling's constant answer as well as with one that is as long, placing and cancelling with one that
waits for as many synced writes as they do, too: with what the disk leaves of a bare server."""
import os
import statistics
import urllib.request

from .clients import ORDER, PLACE, count_of, get, load, write_script
from .figures import verdict
from .machine import give_up, new_folder
from .processes import Ceiling, Redis, Server

PROGRAMS = ("wrk", "redis-server")
# One after the other before the answer: the reservation, its payment; the wish, the receipt's void, the refund.
SYNCS = {"place": 2, "cancel": 3}
# At least this part of the ceiling's rate, by work and view.
TARGETS = {("place", "embedded"): 0.50, ("place", "redis"): 0.35,
           ("cancel", "embedded"): 0.50, ("cancel", "redis"): 0.50,
           ("get", "embedded"): 0.85, ("get", "redis"): 0.60,
           ("list", "embedded"): 0.50, ("list", "redis"): 0.50}
# A customer with a page of reservations; all others are the first customer's.
LIST_CUSTOMER, LISTED = 2, 20


def add_arguments(parser):
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--works", nargs="+", default=["place", "get", "list", "cancel"])
    parser.add_argument("--views", nargs="+", default=["embedded", "redis"])


class Works:
    """What is measured on one server: each gives the request for one run of wrk."""

    # The first run of cancellations is prepared for this many a second, the others by the last.
    MOST_CANCELLATIONS_PER_S = 12_000

    def __init__(self, server, folder, seconds):
        self.server, self.folder, self.seconds = server, folder, seconds
        self.place_script = write_script(folder, "place", PLACE)
        self.list_path = f"/myReservations?userId={LIST_CUSTOMER}"
        self.next_to_cancel = LISTED + 2
        self.cancelled_per_s = self.MOST_CANCELLATIONS_PER_S
        self.place_what_is_listed()
        load(server.url + "/preReservations", 64, 1, self.place_script)

    def place_what_is_listed(self):
        order = ORDER.replace('"userId":1', f'"userId":{LIST_CUSTOMER}').encode()
        for _ in range(LISTED):
            request = urllib.request.Request(self.server.url + "/preReservations", order,
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()

    def bytes_of_list(self):
        page = get(self.server.url + self.list_path)
        if page is None or len(page["_embedded"]["myReservations"]) != LISTED:
            give_up("the list is not of one customer's 20")
        with urllib.request.urlopen(self.server.url + self.list_path, timeout=30) as answer:
            return len(answer.read())

    def place(self, url, connections):
        return load(url + "/preReservations", connections, self.seconds, self.place_script)

    def get(self, url, connections):
        return load(url + "/myReservations/1", connections, self.seconds)

    def list(self, url, connections):
        return load(url + self.list_path, connections, self.seconds)

    def cancel(self, url, connections):
        """Each reservation once, those placed first."""
        ours = url == self.server.url
        while ours and count_of(self.server) < self.next_to_cancel + 1.5 * self.cancelled_per_s * self.seconds:
            load(url + "/preReservations", 64, 1, self.place_script)
        script = write_script(self.folder, "cancel", f"""local id = {self.next_to_cancel - 1}
wrk.method = "DELETE"
request = function()
  id = id + 1
  return wrk.format(nil, "/preReservations/" .. id)
end
""")
        result = load(url + "/preReservations", connections, self.seconds, script)
        if ours:
            self.cancelled_per_s = result[0]
            # Those under way when wrk ended may have been cancelled too.
            self.next_to_cancel += int(1.1 * result[0] * self.seconds) + connections
        return result


def compare(name, work, ours, theirs, options, target=None):
    """Runs a work on both in turn and prints a row for each number of connections."""
    for connections in options.connections:
        pairs = [(work(ours.url, connections), work(theirs.url, connections)) for _ in range(options.pairs)]
        rate, p50, p99 = (statistics.median(pair[0][i] for pair in pairs) for i in range(3))
        ceiling_rate, _, ceiling_p99 = (statistics.median(pair[1][i] for pair in pairs) for i in range(3))
        ratio = statistics.median(a[0] / b[0] for a, b in pairs)
        print(f"{name:32} {connections:11}  {rate:10,.0f}  {ceiling_rate:9,.0f}  {ratio:5.2f}  {p50:6.2f}  {p99:6.2f}"
              f"  {ceiling_p99:16.2f}  {statistics.median(a[2] / b[2] for a, b in pairs):9.1f}"
              f"  {verdict(ratio, at_least=target)}".rstrip(), flush=True)


def compare_list_with_its_length(name, works, server, options):
    ceiling = Ceiling(works.bytes_of_list())
    compare(f"{name}, ceiling as long", works.list, server, ceiling, options)
    ceiling.end()


def compare_with_syncs(name, work, syncs, server, folder, options):
    ceiling = Ceiling(synced_to=os.path.join(folder, "synced"), syncs=syncs)
    compare(f"{name}, with {syncs} syncs", work, server, ceiling, options)
    ceiling.end()


def measure_view(view, flags, ceiling, options):
    with new_folder() as folder:
        server = Server(os.path.join(folder, "data"), *flags)
        works = Works(server, folder, options.seconds)
        for name in ("place", "get", "list", "cancel"):
            if name in options.works:
                server.wait_until_at_rest()
                compare(f"{name}, {view}", getattr(works, name), server, ceiling, options, TARGETS[name, view])
        for name, syncs in SYNCS.items():
            if name in options.works:
                compare_with_syncs(f"{name}, {view}", getattr(works, name), syncs, server, folder, options)
        if "list" in options.works:
            compare_list_with_its_length(f"list, {view}", works, server, options)
        server.end()


def run(options):
    print(f"{'work':32} connections  holdfast/s  ceiling/s  ratio  p50 ms  p99 ms  ceiling's p99 ms  p99 ratio")
    ceiling = Ceiling()
    if "embedded" in options.views:
        measure_view("embedded", (), ceiling, options)
    if "redis" in options.views:
        redis = Redis()
        measure_view("redis", ("--view", redis.url), ceiling, options)
        redis.end()
    ceiling.end()
