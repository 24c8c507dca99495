"""Placing, getting and listing on stores of more and more finished reservations, in turn with the ceiling, whose
share takes out what else the machine does. Any: reservations and customers by chance among all that are stored.
Same: among 1,000 reservations and 50 customers, however many are stored, so that caches hold as much in every
store. Placing comes last, as it makes the store grow. Draws a chart."""
import os
import statistics

from . import charts
from .clients import PLACE, load, median_of, wait_for_count, write_script
from .figures import head, tell, verdict
from .machine import DOCS, new_folder
from .processes import Ceiling, Server
from .stores import customers_of, fill

PROGRAMS = ("wrk",)
WITHIN = 0.15
WITHIN_S = 7200
SAME_RESERVATIONS, SAME_CUSTOMERS = 1_000, 50
CONNECTIONS = 64


def add_arguments(parser):
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**3, 10**5, 10**7])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--charts", default=DOCS, help="folder of the chart")


def by_chance(path, count):
    """A script that asks for one of so many things each time."""
    return f"""math.randomseed(1)
request = function()
  return wrk.format("GET", "{path}" .. math.random({count}))
end
"""


def scripts_for(size):
    """Work -> its script, in their order."""
    get, list_ = "/myReservations/", "/myReservations?userId="
    return {"get, any": by_chance(get, size),
            "get, same": by_chance(get, min(size, SAME_RESERVATIONS)),
            "list, any": by_chance(list_, customers_of(size)),
            "list, same": by_chance(list_, min(customers_of(size), SAME_CUSTOMERS)),
            "place": PLACE}


def measure(size, ceiling, options):
    """Work -> (a second, of the ceiling's)."""
    with new_folder() as folder:
        data = os.path.join(folder, "data")
        fill(data, size)
        server = Server(data)
        wait_for_count(server, size, WITHIN_S)
        server.end()
        server = Server(data)
        wait_for_count(server, size, WITHIN_S)
        results = {}
        for name, script in scripts_for(size).items():
            path = write_script(folder, name.replace(", ", "-"), script)
            suffix = "/preReservations" if name == "place" else ""
            load(server.url + suffix, CONNECTIONS, 1, path)
            pairs = [(load(server.url + suffix, CONNECTIONS, options.seconds, path)[0],
                      load(ceiling.url + suffix, CONNECTIONS, options.seconds, path)[0])
                     for _ in range(options.pairs)]
            results[name] = median_of(pairs)[0], statistics.median(a / b for a, b in pairs)
            tell(f"{size:,} stored: {name}", results[name][0], "a second", 0)
            tell(f"{size:,} stored: {name}, of the ceiling's", results[name][1], "times")
        server.end()
        return results


def relative_to_first(results, work):
    return [(size, each[work][1] / next(iter(results.values()))[work][1]) for size, each in results.items()]


def draw(results, options):
    works = list(next(iter(results.values())))
    charts.draw(
        os.path.join(options.charts, "growth.svg"), "The same speed, however many reservations are stored",
        f"{CONNECTIONS} connections, embedded view; medians of {options.pairs} pairs with a bare Beast server;"
        f" drawn by scripts/bench growth", "reservations stored",
        [charts.Panel(f"Part of the bare server's rate, to that at {min(results):,} stored", "times",
                      [(work, relative_to_first(results, work)) for work in works],
                      band=(1 - WITHIN, 1 + WITHIN), band_name="within 15 %", dots=True),
         charts.Panel("Rate", "a second", [(work, [(size, each[work][0]) for size, each in results.items()])
                                           for work in works], dots=True)],
        logarithmic=True)


def run(options):
    ceiling = Ceiling()
    results = {size: measure(size, ceiling, options) for size in sorted(options.sizes)}
    ceiling.end()
    head("furthest from the smallest store")
    for work in next(iter(results.values())):
        furthest = max((part for _, part in relative_to_first(results, work)), key=lambda part: abs(part - 1))
        away = abs(furthest - 1)
        print(f"{work:58} {furthest:14.2f} times              {verdict(away, at_most=WITHIN)} away")
    draw(results, options)
