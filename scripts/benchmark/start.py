"""Time from a process's start to its ready line on a store of N finished reservations: after a clean end, and
after kill -9 under load. With --unfinished U, as many more whose charge was interrupted: how long after the
ready line all of them are settled, so that none has a step left. That is more than being resumed, which
can't be seen from outside."""
import datetime
import json
import os
import signal
import statistics
import time

from .clients import PLACE, Connection, load, wait_for_count, write_script
from .figures import head, tell
from .machine import give_up, new_folder
from .processes import Server, refusing_provider
from .stores import fill

PROGRAMS = ("wrk",)
MOST_READY_S = 2
MOST_RESUMED_S = 10
VIEW_WITHIN_S = 3600
SETTLED_WITHIN_S = 600
LOOK_EVERY_S = 0.05


def add_arguments(parser):
    parser.add_argument("--reservations", type=int, default=1_000_000)
    parser.add_argument("--unfinished", type=int, default=0)
    parser.add_argument("--starts", type=int, default=5)


def look_at(looker, reservation):
    """Nothing while the view catches up, as after a kill."""
    status, body = looker.ask(f"GET /preReservations/{reservation} HTTP/1.1\r\nHost: shop.test\r\n\r\n".encode())
    if status not in (200, 503):
        give_up(f"reservation {reservation} answers {status}: {body!r}")
    return json.loads(body) if status == 200 else None


def settled_at(looker, reservation, gives_up_at):
    """When its last event was decided, as seconds since 1970, once it has no step left."""
    while (document := look_at(looker, reservation)) is None or document["status"] == "order":
        if time.monotonic() > gives_up_at:
            give_up(f"reservation {reservation} has not settled within {SETTLED_WITHIN_S} s")
        time.sleep(LOOK_EVERY_S)
    if document["cancelReason"] != "payment_interrupted":
        give_up(f"reservation {reservation} did not end as one whose charge was interrupted: {document}")
    return datetime.datetime.fromisoformat(document["modifiedAt"]).timestamp()


def settle(server, first, count):
    """Seconds from the ready line until the last of the unfinished has settled, by its own time stamp, so that
    looking at all of them takes no part in it. Each shard takes them in order: those are awaited
    first that come last."""
    ready = time.time() - (time.monotonic() - server.began - server.ready_s)
    gives_up_at = time.monotonic() + SETTLED_WITHIN_S
    looker = Connection(server.port, b"")
    last_first = range(first + count - 1, first - 1, -1)
    return max(settled_at(looker, reservation, gives_up_at) for reservation in last_first) - ready


def starts_after(data, url_of_place, script, options):
    clean, killed = [], []
    server = Server(data)
    for _ in range(options.starts):
        server.end()
        server = Server(data)
        clean.append(server.ready_s)
        load(server.url + url_of_place, 64, 1, script)
        server.end(signal.SIGKILL)
        server = Server(data)
        killed.append(server.ready_s)
    server.end()
    return clean, killed


def run(options):
    with new_folder() as folder:
        data = os.path.join(folder, "data")
        fill(data, options.reservations, options.unfinished)
        stored = options.reservations + options.unfinished
        # Nobody takes payments yet, so that the unfinished stay so while the view is built.
        server = Server(data, "--payment", refusing_provider())
        built = wait_for_count(server, stored, VIEW_WITHIN_S)
        head(f"start with {options.reservations:,} finished and {options.unfinished:,} unfinished reservations")
        tell("first start, without a view: ready", server.ready_s, "s", 3)
        tell("the view is complete", built, "s", 1)
        last = look_at(Connection(server.port, b""), stored)
        if options.unfinished and (last is None or last["status"] != "order"):
            give_up(f"the last does not wait for its payment although nobody takes any: {last}")
        server.end(signal.SIGKILL)
        server = Server(data)
        tell("after kill -9: ready", server.ready_s, "s", 3, at_most=MOST_READY_S)
        if options.unfinished:
            took = settle(server, options.reservations + 1, options.unfinished)
            tell("from the ready line until all unfinished have settled", took, "s", 2, at_most=MOST_RESUMED_S)
        server.end()
        if options.starts:
            clean, killed = starts_after(data, "/preReservations", write_script(folder, "place", PLACE), options)
            for what, times in (("after a clean end", clean), ("after kill -9 under load", killed)):
                tell(f"ready {what}, median of {options.starts}", statistics.median(times), "s", 3,
                     at_most=MOST_READY_S)
                tell("  the slowest", max(times), "s", 3)
