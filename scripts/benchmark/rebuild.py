"""The view built from the journal alone, into the embedded store and into an empty Redis, from the start of the
process until a list counts every row; and made anew while customers go on placing, until lists are there again.
Medians."""
import os
import shutil
import statistics
import time
import urllib.request

from .clients import PLACE, EndlessLoad, count_or_none, wait_for_count, write_script
from .figures import head, tell
from .machine import give_up, new_folder
from .processes import MIB, Redis, Server
from .stores import bytes_in, fill

PROGRAMS = ("redis-server", "wrk")
LEAST_ROWS_PER_S = 50_000
WITHIN_S = 7200
# Under load: customers, for how long they come before, and how long it may take.
CONNECTIONS = 64
LOADED_S = 3
SHOWN_WITHIN_S = 120


def add_arguments(parser):
    parser.add_argument("--reservations", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--views", nargs="+", default=["embedded", "redis"])


def built_within_s(data, count, *flags):
    server = Server(data, *flags)
    took = wait_for_count(server, count, WITHIN_S)
    memory = server.resident_mib()
    server.end()
    return took, memory


def wait_for_lists(server, there):
    """Until lists are there, or are not, any more."""
    gives_up_at = time.monotonic() + SHOWN_WITHIN_S
    while (count_or_none(server) is not None) != there:
        if time.monotonic() > gives_up_at:
            give_up(f"lists are {'not there' if there else 'there all the time'}")
        time.sleep(0.01)


def shown_again_under_load(*flags):
    """For how many seconds lists are not there, and how many orders a second are placed meanwhile."""
    with new_folder() as folder:
        server = Server(os.path.join(folder, "data"), *flags)
        load = EndlessLoad(server.url + "/preReservations", CONNECTIONS, write_script(folder, "place", PLACE))
        time.sleep(LOADED_S)
        urllib.request.urlopen(urllib.request.Request(
            server.url + "/admin/view/rebuild", b'{"who":"bench","reason":"to see how long it takes"}',
            {"Content-Type": "application/json"}), timeout=10).close()
        wait_for_lists(server, there=False)
        began = time.monotonic()
        wait_for_lists(server, there=True)
        took = time.monotonic() - began
        placed_per_s, *_ = load.end()
        server.end()
    return took, placed_per_s


def shown_again_with_redis():
    redis = Redis()
    try:
        return shown_again_under_load("--view", redis.url)
    finally:
        redis.end()


def rebuild_embedded(data, count):
    shutil.rmtree(os.path.join(data, "view"), ignore_errors=True)
    return built_within_s(data, count)


def rebuild_redis(data, count):
    redis = Redis()
    try:
        return built_within_s(data, count, "--view", redis.url)
    finally:
        redis.end()


def run(options):
    with new_folder() as folder:
        data = os.path.join(folder, "data")
        fill(data, options.reservations)
        head(f"view of {options.reservations:,} reservations rebuilt, median of {options.times}")
        tell("journals on disk", sum(bytes_in(os.path.join(data, each)) for each in os.listdir(data)) / MIB, "MiB", 0)
        for view, rebuild in (("embedded", rebuild_embedded), ("redis", rebuild_redis)):
            if view in options.views:
                runs = [rebuild(data, options.reservations) for _ in range(options.times)]
                tell(f"into {view}", statistics.median(options.reservations / took for took, _ in runs), "rows/s", 0,
                     at_least=LEAST_ROWS_PER_S)
                tell(f"into {view}, resident memory then", statistics.median(mib for _, mib in runs), "MiB", 0)
    head(f"view made anew while {CONNECTIONS} customers go on placing, {LOADED_S} s after the first, median of {options.times}")
    for view, shown_again in (("embedded", shown_again_under_load), ("redis", shown_again_with_redis)):
        if view in options.views:
            runs = [shown_again() for _ in range(options.times)]
            tell(f"{view}, lists are there again after", statistics.median(took for took, _ in runs), "s")
            tell(f"{view}, meanwhile", statistics.median(rate for _, rate in runs), "placed/s", 0)
