"""Placing, getting and listing on stores of more and more finished reservations, all served at once and asked
by turns, so that what else the machine does meets all alike. Any: reservations and customers by chance among all that are stored.
Same: among 1,000 reservations and 50 customers, however many are stored, so that caches hold as much in every
store. Placing comes last, as it makes the store grow. Draws a chart."""
import os
import statistics

from . import charts
from .clients import PLACE, load, wait_for_count, write_script
from .figures import head, tell
from .machine import DOCS, new_folder
from .processes import Ceiling, Server
from .stores import customers_of, fill

PROGRAMS = ("wrk",)
WITHIN_PERCENT = 15
WITHIN_S = 7200
SAME_RESERVATIONS, SAME_CUSTOMERS = 1_000, 50
CONNECTIONS = 64


def add_arguments(parser):
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**3, 10**5, 10**7])
    parser.add_argument("--pairs", type=int, default=5, help="rounds over all stores")
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


class Store:
    """A server on a store of so many finished reservations, with its view complete."""

    def __init__(self, size, folder):
        self.size, self.folder = size, os.path.join(folder, str(size))
        self.data = os.path.join(self.folder, "data")
        fill(self.data, size)
        self.start()
        self.server.end()
        self.start()
        self.scripts = {name: write_script(self.folder, name.replace(", ", "-"), script)
                        for name, script in scripts_for(size).items()}

    def start(self):
        self.server = Server(self.data)
        wait_for_count(self.server, self.size, WITHIN_S)


def ask(server, work, script, seconds):
    return load(server.url + ("/preReservations" if work == "place" else ""), CONNECTIONS, seconds, script)[0]


def rounds_of(work, stores, ceiling, options):
    """For each round a second's requests of each store, by turns, and of the ceiling at the end."""
    for store in stores:
        ask(store.server, work, store.scripts[work], 1)
    rounds = []
    for number in range(options.pairs):
        rates = {}
        # Each store comes first in turn, so that a drift of the machine favours none.
        for store in stores[number % len(stores):] + stores[:number % len(stores)]:
            rates[store.size] = ask(store.server, work, store.scripts[work], options.seconds)
        rates["ceiling"] = ask(ceiling, work, stores[0].scripts[work], options.seconds)
        rounds.append(rates)
    return rounds


def tell_rounds(work, rounds, sizes):
    """size -> (a second, to the smallest store's in the same round)."""
    results = {}
    for size in sizes:
        rate = statistics.median(each[size] for each in rounds)
        relative = statistics.median(each[size] / each[sizes[0]] for each in rounds)
        results[size] = rate, relative
        tell(f"{work}, {size:,} stored", rate, "a second", 0)
        tell("  of the ceiling's", statistics.median(each[size] / each["ceiling"] for each in rounds), "times")
        if size != sizes[0]:
            tell(f"  to that at {sizes[0]:,} stored", relative, "times", at_least=1 - WITHIN_PERCENT / 100)
    return results


def draw(results, options):
    def lines(figure):
        return [(work, [(size, each[figure]) for size, each in sizes.items()]) for work, sizes in results.items()]
    charts.draw(
        os.path.join(options.charts, "growth.svg"), "The speed as the store grows",
        f"{CONNECTIONS} connections, embedded view; medians of {options.pairs} rounds over all stores by turns;"
        f" drawn by scripts/bench growth", "reservations stored",
        [charts.Panel(f"To that at {min(options.sizes):,} stored (the band: within {WITHIN_PERCENT} %)", "times",
                      lines(1), band=(1 - WITHIN_PERCENT / 100, 1 + WITHIN_PERCENT / 100), dots=True),
         charts.Panel("Rate", "a second", lines(0), dots=True)],
        logarithmic=True)


def run(options):
    sizes = sorted(options.sizes)
    with new_folder() as folder:
        ceiling = Ceiling()
        stores = [Store(size, folder) for size in sizes]
        head(f"{CONNECTIONS} connections, medians of {options.pairs} rounds of {options.seconds} s")
        results = {work: tell_rounds(work, rounds_of(work, stores, ceiling, options), sizes)
                   for work in scripts_for(1)}
        for store in stores:
            store.server.end()
        ceiling.end()
    draw(results, options)
