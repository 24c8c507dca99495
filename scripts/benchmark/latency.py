"""Placing in an open loop at half of the measured peak: customers come by a Poisson clock, whether or not those
before them were answered, and each waits from the moment at which he meant to ask, so that a server that
stops can't hide it (coordinated omission). The ceiling at the same rate, in turn, and one
that waits for two synced writes before it answers, which shows what the disk alone does. Medians of the turns.
Fails where a customer is not served."""
import os
import statistics

from .clients import PLACE, come, load, median_of, write_script
from .figures import head, tell
from .machine import give_up, new_folder
from .processes import Ceiling, Server

PROGRAMS = ("wrk",)
MOST_P50_MS = 3
MOST_P99_TO_P50 = 4


def add_arguments(parser):
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--peak-connections", type=int, default=64)
    parser.add_argument("--peak-seconds", type=int, default=5)
    parser.add_argument("--part", type=float, default=0.5, help="of the peak")
    parser.add_argument("--connections", type=int, default=256,
                        help="of the open loop; a customer who finds none free waits for one")


def waits_at(server, rate, options):
    """p50, p99 in ms, all customers served."""
    _, whole = come(server, rate, options.seconds, options.connections)
    if whole["accepted"] != whole["came"]:
        give_up(f"not every customer was served: {whole}")
    return whole["acceptedP50"], whole["acceptedP99"]


def run(options):
    with new_folder() as folder:
        server, ceiling = Server(os.path.join(folder, "data")), Ceiling()
        syncing = Ceiling(synced_to=os.path.join(folder, "synced"))
        place = write_script(folder, "place", PLACE)
        url = server.url + "/preReservations"
        load(url, options.peak_connections, 2, place)
        peak = median_of(load(url, options.peak_connections, options.peak_seconds, place) for _ in range(3))[0]
        rate = peak * options.part
        waits_at(server, rate, options)
        turns = [[waits_at(each, rate, options) for each in (server, ceiling, syncing)]
                 for _ in range(options.pairs)]
        for each in (server, ceiling, syncing):
            each.end()
    ours, theirs, syncings = (median_of(each) for each in zip(*turns))
    head(f"place in an open loop, {options.pairs} pairs of {options.seconds} s")
    tell(f"peak, {options.peak_connections} connections in a closed loop", peak, "placed/s", 0)
    tell("rate of the open loop", rate, "placed/s", 0)
    tell("p50", ours[0], "ms", at_most=MOST_P50_MS)
    tell("p99", ours[1], "ms")
    tell("p99 to p50 of the same run", statistics.median(p99 / p50 for (p50, p99), *_ in turns), "times",
         at_most=MOST_P99_TO_P50)
    tell("ceiling at the same rate, p50", theirs[0], "ms")
    tell("ceiling at the same rate, p99", theirs[1], "ms")
    for i, name in enumerate(("p50", "p99")):
        tell(f"{name} to the ceiling's", statistics.median(a[i] / b[i] for a, b, _ in turns), "times")
    tell("a bare server that syncs twice, p50", syncings[0], "ms")
    tell("a bare server that syncs twice, p99", syncings[1], "ms")
    tell("p99 to p50 of that", statistics.median(p99 / p50 for _, _, (p50, p99) in turns), "times")
