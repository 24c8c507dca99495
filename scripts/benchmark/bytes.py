"""Bytes of the two journals and of the embedded view for each reservation, placed over HTTP, no
two alike. Before compaction:
what was appended to the journals' logs, each log file looked at while it grows and once more at the end,
without zeros that were written ahead. After compaction: what the folders hold after a clean end and a start
that has nothing to do; the more reservations, the nearer to what compaction leaves. Also all bytes that the
journals sent to the disk, by the kernel's count, which is in whole pages and has tables and compaction in it:
of a second server, whose view and provider are elsewhere."""
import os
import time

from .clients import PLACE_VARIED, EndlessLoad, count_of, wait_for_count, write_script
from .figures import head, tell
from .machine import new_folder
from .processes import Provider, Redis, Server
from .stores import JOURNALS, bytes_in, files_in

PROGRAMS = ("wrk", "redis-server")
MOST_BYTES_LOGGED = 1200
MOST_BYTES_KEPT = 500
MOST_BYTES_OF_ROW = 700
LOOK_EVERY_S = 0.25
CHUNK = 1 << 20
# Tables that a start has begun to merge are merged by then.
AT_REST_S = 10
WITHIN_S = 3600


def add_arguments(parser):
    parser.add_argument("--reservations", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=64)


def written_length(path):
    """A file's length without the zeros at its end, which were made before there was anything to write."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - CHUNK)
            file.seek(begin)
            rest = file.read(end - begin).rstrip(b"\0")
            if rest:
                return begin + len(rest)
            end = begin
    return 0


class Logs:
    """The most that each log file of a folder ever held: they are deleted once tables hold the same."""

    def __init__(self, folder):
        self.folder, self.lengths = folder, {}
        self.look()

    def look(self):
        for path, _ in files_in(self.folder):
            if path.endswith(".log"):
                try:
                    key = (path, os.stat(path).st_ino)
                    self.lengths[key] = max(self.lengths.get(key, 0), written_length(path))
                except FileNotFoundError:
                    pass  # Deleted meanwhile.

    def bytes(self):
        return sum(self.lengths.values())


def place(server, logs, options, folder):
    """Places about as many; how many there are then."""
    load = EndlessLoad(server.url + "/preReservations", options.connections, write_script(folder, "place", PLACE_VARIED))
    while count_of(server) < options.reservations:
        for each in logs.values():
            each.look()
        time.sleep(LOOK_EVERY_S)
    load.end()
    time.sleep(1)  # For what was under way.
    for each in logs.values():
        each.look()
    return count_of(server)


def sent_by_journals(options):
    """Bytes for each reservation that a process sent to the disk which keeps nothing but journals."""
    redis, provider = Redis(), Provider()
    with new_folder() as folder:
        server = Server(os.path.join(folder, "data"), "--view", redis.url, "--payment", provider.url)
        before = server.written_to_disk_bytes()
        count = place(server, {}, options, folder)
        sent = server.written_to_disk_bytes() - before
        server.end()
    provider.end()
    redis.end()
    return sent / count


def tell_per_reservation(name, sizes, count, at_most=None):
    for journal, size in sizes.items():
        tell(f"{name}, {journal}", size / count, "bytes each", 0)
    tell(f"{name}, both journals", sum(sizes.values()) / count, "bytes each", 0, at_most=at_most)


def run(options):
    with new_folder() as folder:
        data = os.path.join(folder, "data")
        folders = {each: os.path.join(data, each) for each in JOURNALS}
        server = Server(data)
        logs = {name: Logs(path) for name, path in folders.items()}
        logged_before = {name: each.bytes() for name, each in logs.items()}
        count = place(server, logs, options, folder)
        logged = {name: each.bytes() - logged_before[name] for name, each in logs.items()}
        before = {name: bytes_in(path) for name, path in folders.items()}
        server.end()
        server = Server(data)
        wait_for_count(server, count, WITHIN_S)
        time.sleep(AT_REST_S)
        server.end()
        head(f"bytes of each of {count:,} reservations")
        tell_per_reservation("logged, before compaction", logged, count, MOST_BYTES_LOGGED)
        tell_per_reservation("on disk when the load ended", before, count)
        after = {name: bytes_in(path) for name, path in folders.items()}
        tell_per_reservation("on disk after compaction", after, count, MOST_BYTES_KEPT)
        tell("on disk after compaction, a row of the view", bytes_in(os.path.join(data, "view")) / count, "bytes each",
             0, at_most=MOST_BYTES_OF_ROW)
        tell("sent to the disk by both journals, tables too", sent_by_journals(options), "bytes each", 0)
