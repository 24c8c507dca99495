"""Customers who come F times as fast (10 unless given) as they can be served, whether or not they are: what
is placed, refused and not paid, each waiting from when a customer meant to ask; memory; and how fast it is
before and afterwards. First a slow provider is the limit, then the machine, which server and customers
share."""
import os
import time

from .clients import PLACE, come, load, write_script
from .machine import new_folder
from .processes import Provider, Server

PROGRAMS = ("wrk",)
# With 64 calls at once this provider serves 640 customers a second.
SLOW_PROVIDER = "100ms"


def add_arguments(parser):
    parser.add_argument("--factor", type=float, default=10)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=4000)


def flood(name, server, folder, connections, options):
    """Customers beyond what can be served, against as many as can be, before and afterwards."""
    place = write_script(folder, "place", PLACE)
    url = server.url + "/preReservations"
    load(url, connections, 2, place)
    time.sleep(1)  # wrk leaves its last requests to the server, which would be too many with new ones.
    peak, p50, p99 = load(url, connections, 5, place)
    print(f"{name}\n  capacity, {connections} connections: {peak:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms,"
          f" {server.resident_mib():.0f} MiB")
    memory_mib = []
    seconds, whole = come(server, peak * options.factor, options.seconds, options.connections,
                          meanwhile=lambda: memory_mib.append(server.resident_mib()))
    goodput = whole["accepted"] / options.seconds
    print(f"  {whole['came'] / options.seconds:,.0f} customers/s for {options.seconds} s:"
          f" placed {goodput:,.0f}/s ({goodput / peak:.2f} of capacity; the worst second"
          f" {min(each['accepted'] for each in seconds):,}), p50 {whole['acceptedP50']:.0f} ms,"
          f" p99 {whole['acceptedP99']:.0f} ms ({whole['acceptedP99'] / p99:.1f} times);"
          f" from when they had a connection p50 {whole['servedP50']:.0f} ms, p99 {whole['servedP99']:.0f} ms")
    for kind in ("refused", "unpaid"):
        print(f"  {kind} {whole[kind]:,}: p50 {whole[kind + 'P50']:.0f} ms, p99 {whole[kind + 'P99']:.0f} ms")
    print(f"  found no connection {whole['left']:,}; failed {whole['failed']:,}; most memory {max(memory_mib):.0f} MiB")
    rate, p50, p99 = load(url, connections, 3, place)
    print(f"  right afterwards: {rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    server.end()


def run(options):
    with new_folder() as folder:
        provider = Provider("--latency", SLOW_PROVIDER)
        flood(f"the provider is the limit: it takes {SLOW_PROVIDER}",
              Server(os.path.join(folder, "paid"), "--payment", provider.url), folder, 60, options)
        provider.end()
        flood("the machine is the limit", Server(os.path.join(folder, "data")), folder, 128, options)
