"""Memory of a reservation. Waiting: N and then 2 N whose charge was interrupted, resumed while the provider refuses
every call, so that each waits for its next try, out of memory but for its alarm; the difference in resident memory,
by N: caches are full in both, where N is large enough. At rest: resident memory after more and more placements, the
provider being another process: the slope over the later two thirds of the waves, as the first ones fill the
stores' caches, which are bounded. Zero within two standard errors of the slope counts as zero."""
import os
import statistics
import time

from .clients import PLACE_VARIED, EndlessLoad, count_of, wait_for_count, write_script
from .figures import head, slope_of, tell
from .machine import give_up, new_folder
from .processes import Provider, Server, refusing_provider
from .stores import fill

PROGRAMS = ("wrk",)
MOST_BYTES_WAITING = 2048
MOST_BYTES_AT_REST = 0
# The view's cache is full sooner, so that it does not look like reservations that stayed.
SMALL_CACHE = ("--view-cache", "8MiB")
LOOKS = 20
LOOK_EVERY_S = 0.25
# Memory that grows by less within LOOKS looks has stopped growing.
STEADY_WITHIN = 0.01
STEADY_WITHIN_S = 300
WITHIN_S = 3600
# What is under way when a wave ends.
AT_REST_S = 2


def add_arguments(parser):
    parser.add_argument("--waiting", type=int, default=100_000, help="N, at most half of what may have an alarm")
    parser.add_argument("--placed", type=int, default=200_000, help="of each wave")
    parser.add_argument("--waves", type=int, default=9)


def steady_bytes(server):
    """Resident memory once it has stopped growing."""
    seen, gives_up_at = [], time.monotonic() + STEADY_WITHIN_S
    while len(seen) < LOOKS or max(seen[-LOOKS:]) > min(seen[-LOOKS:]) * (1 + STEADY_WITHIN):
        if time.monotonic() > gives_up_at:
            give_up(f"memory goes on changing: {[round(each / 1e6) for each in seen[-LOOKS:]]} MB")
        time.sleep(LOOK_EVERY_S)
        seen.append(server.resident_bytes())
    return statistics.median(seen[-LOOKS:])


def with_waiting(count):
    """Resident memory with this many waiting, on a start that has its view."""
    with new_folder() as folder:
        data = os.path.join(folder, "data")
        fill(data, 0, count)
        for _ in range(2):
            server = Server(data, "--payment", refusing_provider(), *SMALL_CACHE)
            wait_for_count(server, count, WITHIN_S)
            steady = steady_bytes(server)
            server.end()
        return steady


def after_waves(options):
    """(placed, resident bytes) after each wave."""
    with new_folder() as folder:
        provider = Provider()
        server = Server(os.path.join(folder, "data"), "--payment", provider.url, *SMALL_CACHE)
        place = write_script(folder, "place", PLACE_VARIED)
        points = []
        for wave in range(options.waves):
            load = EndlessLoad(server.url + "/preReservations", 64, place)
            while count_of(server) < options.placed * (wave + 1):
                time.sleep(LOOK_EVERY_S)
            load.end()
            time.sleep(AT_REST_S)
            points.append((count_of(server), server.resident_bytes()))
        server.end()
        provider.end()
        return points


def run(options):
    base, double = with_waiting(options.waiting), with_waiting(2 * options.waiting)
    head("memory of a reservation")
    tell(f"with {options.waiting:,} waiting", base / 1e6, "MB", 1)
    tell(f"with {2 * options.waiting:,} waiting", double / 1e6, "MB", 1)
    tell("waiting for the next try", (double - base) / options.waiting, "bytes each", 0, at_most=MOST_BYTES_WAITING)
    points = after_waves(options)
    for placed, resident in points:
        tell(f"after {placed:,} placements, all at rest", resident / 1e6, "MB", 1)
    slope, error = slope_of(points[len(points) // 3:])
    tell("at rest", slope, "bytes each", 1)
    tell("  two standard errors of that", 2 * error, "bytes each", 1)
    tell("  beyond them", max(0, slope - 2 * error), "bytes each", 1, at_most=MOST_BYTES_AT_REST)
