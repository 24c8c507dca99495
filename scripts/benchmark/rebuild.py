"""The view built from the journal alone, into the embedded store and into an empty Redis, from the start of the
process until a list counts every row. Medians."""
import os
import shutil
import statistics

from .clients import wait_for_count
from .figures import head, tell
from .machine import new_folder
from .processes import MIB, Redis, Server
from .stores import bytes_in, fill

PROGRAMS = ("redis-server",)
LEAST_ROWS_PER_S = 50_000
WITHIN_S = 7200


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
