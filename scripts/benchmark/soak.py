"""Places N reservations without a pause while memory and throughput are sampled, and draws both. Flat is what
the last tenth's median is to the second tenth's, the first tenth being for warming up. The stores' caches are full
after three tenths: from there on the slope of memory is told."""
import os
import time

from . import charts
from .clients import PLACE_VARIED, EndlessLoad, count_of, write_script
from .figures import flatness, head, slope_of, tell, tenths_of
from .machine import DOCS, give_up, new_folder
from .processes import MIB, Provider, Server

PROGRAMS = ("wrk",)
# How many points the lines have.
SAMPLES = 200
LOOK_EVERY_S = 0.1
STALLED_AFTER_S = 60
# How far the last tenth may be from the second one, to be called flat.
FLAT_WITHIN = 0.10
# The part of all that a machine which stands still for a moment may cost.
MOST_REFUSED = 0.01


def add_arguments(parser):
    parser.add_argument("--reservations", type=int, default=10_000_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--provider", choices=["inside", "apart"], default="inside",
                        help="where the sandbox runs, which remembers every payment")
    parser.add_argument("--charts", default=DOCS, help="folder of the chart")


def wait_for_more(server, than):
    """The count once it is beyond that, and the time of it."""
    gives_up_at = time.monotonic() + STALLED_AFTER_S
    while (count := count_of(server)) <= than:
        if time.monotonic() > gives_up_at:
            give_up(f"nothing was placed for {STALLED_AFTER_S} s, at {count}")
        time.sleep(LOOK_EVERY_S)
    return count, time.monotonic()


def sample(server, reservations):
    """(placed, placed/s since the last, resident MiB) about SAMPLES times."""
    step = max(reservations // SAMPLES, 1)
    samples, before, at = [], count_of(server), time.monotonic()
    while before < reservations:
        count, now = wait_for_more(server, before + step)
        samples.append((count, (count - before) / (now - at), server.resident_mib()))
        before, at = count, now
    return samples


def draw(samples, options):
    rates = [(count, rate) for count, rate, _ in samples]
    memory = [(count, mib) for count, _, mib in samples]
    charts.draw(
        os.path.join(options.charts, "soak.svg"), f"Placing {samples[-1][0]:,} reservations without a pause",
        f"{options.connections} connections; embedded journal and view; sandbox {options.provider};"
        f" drawn by scripts/bench soak", "reservations placed",
        [charts.Panel("Throughput", "placed/s", [("placed/s", rates)]),
         charts.Panel("Resident memory of the process", "MiB", [("RSS", memory)])])


def run(options):
    with new_folder() as folder:
        provider = Provider() if options.provider == "apart" else None
        server = Server(os.path.join(folder, "data"), *(["--payment", provider.url] if provider else []))
        load = EndlessLoad(server.url + "/preReservations", options.connections, write_script(folder, "place", PLACE_VARIED))
        began = time.monotonic()
        samples = sample(server, options.reservations)
        took_s = time.monotonic() - began
        _, p50, p99, refused, late = load.end_of_long_run()
        server.end()
        if provider:
            provider.end()
    rates, memory = [each[1] for each in samples], [each[2] for each in samples]
    head(f"{samples[-1][0]:,} reservations placed, {options.connections} connections")
    tell("throughput, over all", samples[-1][0] / took_s, "placed/s", 0)
    tell("p50", p50, "ms")
    tell("p99", p99, "ms")
    tell("refused", refused, "requests", 0, at_most=MOST_REFUSED * options.reservations)
    tell("waited for more than 2 s", late, "requests", 0, at_most=MOST_REFUSED * options.reservations)
    tell("most resident memory", max(memory), "MiB", 0)
    tell("throughput, last tenth to the second", flatness(rates), "times", at_least=1 - FLAT_WITHIN)
    tell("resident memory, last tenth to the second", flatness(memory), "times", at_most=1 + FLAT_WITHIN)
    placed_and_bytes = [(count, mib * MIB) for count, _, mib in samples[len(samples) * 3 // 10:]]
    slope, error = slope_of(placed_and_bytes)
    tell("resident memory, its slope from the fourth tenth on", slope, "bytes each")
    tell("  two standard errors of that", 2 * error, "bytes each")
    head("medians of the tenths: placed/s, MiB")
    for tenth, (rate, mib) in enumerate(zip(tenths_of(rates), tenths_of(memory)), 1):
        print(f"{tenth:4} {rate:10,.0f} {mib:6,.0f}")
    draw(samples, options)
