"""Nodes of a cluster on this machine, over one PostgreSQL, one Redis and one payment provider: what placing costs
there, what a hop to another node costs, and how long it takes until others serve the shards of a node that was
killed (SIGKILL), told to end (SIGTERM), or has come. Fails on any error or answer that is not 2xx where none may be."""
import http.client
import os
import signal
import statistics
import time
import urllib.request

from .clients import ORDER, PLACE, EndlessLoad, count_of, get, load, write_script
from .figures import head, tell
from .machine import give_up, new_folder, processor_s
from .processes import Ceiling, Postgres, Provider, Redis, Server

PROGRAMS = ("wrk", "redis-server")
SHARDS = 256
WITHIN_S = 60


def add_arguments(parser):
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--ends", type=int, default=20)
    parser.add_argument("--joins", type=int, default=5)
    parser.add_argument("--lease-s", type=int, default=5)


class Node(Server):
    def __init__(self, cluster, data, *flags):
        self.data = data
        super().__init__(data, "--journal", cluster.postgres.url, "--view", cluster.redis.url, "--payment",
                         cluster.provider.url, "--node-listen", "127.0.0.1:0", "--lease", f"{cluster.lease_s}s",
                         *flags)

    def cluster_figures(self):
        return get(self.url + "/actuator/health")["components"]["cluster"]["details"]

    def shards(self):
        return self.cluster_figures()["shardsOwned"]

    def ask(self, method, path, body=None, headers=None):
        """The status and the answer, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        read = answer.status, answer.headers, answer.read()
        connection.close()
        return read

    def place(self):
        """The path of a new reservation, of a shard of this node's own."""
        status, headers, _ = self.ask("POST", "/preReservations", ORDER, {"Content-Type": "application/json"})
        if status != 201:
            give_up(f"placing was answered by {status}")
        return headers["Location"].split("127.0.0.1:%d" % self.port, 1)[1]


class Cluster:
    """Without a node at first."""

    def __init__(self, folder, lease_s):
        self.folder, self.lease_s, self.started = folder, lease_s, 0
        self.postgres, self.redis, self.provider = Postgres(), Redis(), Provider()

    def start(self, *flags):
        self.started += 1
        return Node(self, os.path.join(self.folder, str(self.started)), *flags)

    def end(self, *nodes):
        for node in nodes:
            node.end()
        for part in (self.provider, self.redis, self.postgres):
            part.end()


def wait(condition, what):
    """Seconds until it holds."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > WITHIN_S:
            give_up(f"{what}: not within {WITHIN_S} s")
        time.sleep(0.002)
    return time.monotonic() - began


def shared_out(nodes):
    most = -(-SHARDS // len(nodes))
    shards = [node.shards() for node in nodes]
    return sum(shards) == SHARDS and max(shards) <= most


def place_alone(folder, options):
    """One node that is in no cluster: its view and the provider are in the process, as for scripts/bench speed."""
    postgres = Postgres()
    node = Server(os.path.join(folder, "alone"), "--journal", postgres.url)
    place(folder, options, node, {"node": node, "PostgreSQL": postgres})
    for process in (node, postgres):
        process.end()


def place_in_cluster(folder, options):
    """One node of a cluster, with all that nodes share; and how many appends its journals' connections make of that."""
    cluster = Cluster(folder, options.lease_s)
    node = cluster.start()
    before, began = appended_entries(node), time.monotonic()
    place(folder, options, node, {"node": node, "PostgreSQL": cluster.postgres, "Redis": cluster.redis,
                                  "provider": cluster.provider})
    for journal, entries in appended_entries(node).items():
        tell(f"appends of the connection of the {journal} journal",
             (entries - before[journal]) / (time.monotonic() - began), "entries/s", 0)
    placed = count_of(node)
    tell("bytes of a reservation in PostgreSQL, without its WAL",
         cluster.postgres.ask("SELECT pg_database_size('holdfast')") / placed, "bytes", 0)
    tell("bytes of its row in Redis", cluster.redis.used_bytes() / placed, "bytes", 0)
    cluster.end(node)


def place(folder, options, node, processes):
    """In turn with the ceiling; and which of the processes takes how much of the processors for one placement."""
    ceiling, script = Ceiling(), write_script(folder, "place", PLACE)
    load(node.url + "/preReservations", 64, 2, script)
    for connections in options.connections:
        pairs, placed, used = [], 0, dict.fromkeys(processes, 0.0)
        for _ in range(options.pairs):
            before, count = {name: processor_s(of.process.pid) for name, of in processes.items()}, count_of(node)
            ours = load(node.url + "/preReservations", connections, options.seconds, script)
            for name, of in processes.items():
                used[name] += processor_s(of.process.pid) - before[name]
            placed += count_of(node) - count
            pairs.append((ours, load(ceiling.url, connections, options.seconds, script)))
        tell(f"place, {connections} connections", statistics.median(ours[0] / theirs[0] for ours, theirs in pairs),
             "of the ceiling", at_least=0.20)
        for figure, (name, unit, digits) in enumerate((("rate", "/s", 0), ("p50", "ms", 2), ("p99", "ms", 2))):
            tell("  " + name, statistics.median(ours[figure] for ours, _ in pairs), unit, digits)
        for name, seconds in used.items():
            tell(f"  processor time of {name} for each", 1e6 * seconds / placed, "us", 0)
        tell("  of all processors, the load's and idle time included",
             statistics.median(1e6 * os.cpu_count() / ours[0] for ours, _ in pairs), "us", 0)
    ceiling.end()


def appended_entries(node):
    """By journal, since its start."""
    with urllib.request.urlopen(node.url + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = {}
    for line in lines:
        if line.startswith("holdfast_journal_batch_entries_sum{"):
            found[line.split('"')[1]] = float(line.rsplit(" ", 1)[1])
    return found


def hop(folder, options):
    """The same work at a node that owns the shards, and at one that has to ask it; one customer."""
    cluster = Cluster(folder, options.lease_s)
    owner, gateway = cluster.start(), cluster.start("--roles", "gateway")
    script = write_script(folder, "place", PLACE)
    wait(lambda: gateway.cluster_figures()["members"] == 2, "the gateway knows its neighbour")
    for connections in (1, options.connections[0]):
        pairs = [(load(owner.url + "/preReservations", connections, options.seconds, script),
                  load(gateway.url + "/preReservations", connections, options.seconds, script))
                 for _ in range(options.pairs)]
        tell(f"hop, {connections} connections: p50 more", statistics.median(far[1] - near[1] for near, far in pairs),
             "ms")
        tell("  rate by way of it", statistics.median(far[0] / near[0] for near, far in pairs), "of the owner's")
    cluster.end(owner, gateway)


def place_endlessly(folder, node):
    """Gives up at its end where one was refused."""
    return EndlessLoad(node.url + "/preReservations", 16, write_script(folder, "place", PLACE))


def tell_times(name, seconds, at_most=None):
    tell(f"{name}, median of {len(seconds)}", statistics.median(seconds) * 1000, "ms", 0)
    tell(f"{name}, worst", max(seconds) * 1000, "ms", 0, at_most=at_most)


def fail_over(folder, options):
    """From SIGKILL until another node has cancelled an order of the killed one's, and until all shards are served."""
    cluster = Cluster(folder, options.lease_s)
    nodes = [cluster.start() for _ in range(3)]
    one, all_of_them = [], []
    for kill in range(options.kills):
        wait(lambda: shared_out(nodes), "shared out")
        victim = nodes.pop(kill % 3)
        path = victim.place()
        victim.process.send_signal(signal.SIGKILL)
        killed_at = time.monotonic()
        victim.process.wait()
        wait(lambda: nodes[0].ask("DELETE", path)[0] == 204, "an order of a killed node is cancelled")
        one.append(time.monotonic() - killed_at)
        wait(lambda: sum(node.shards() for node in nodes) == SHARDS, "all shards are served")
        all_of_them.append(time.monotonic() - killed_at)
        nodes.insert(kill % 3, Node(cluster, victim.data))
    tell_times("kill, until an order of it is cancelled elsewhere", one, 1000 * (options.lease_s + 2))
    tell_times("kill, until all its shards are served", all_of_them, 1000 * (options.lease_s + 2))
    cluster.end(*nodes)


def hand_over(folder, options):
    """From SIGTERM until all shards are served by others, with customers at one of these, who must not notice."""
    cluster = Cluster(folder, options.lease_s)
    nodes = [cluster.start() for _ in range(3)]
    times = []
    for end in range(options.ends):
        wait(lambda: shared_out(nodes), "shared out")
        leaver = nodes.pop(end % 3)
        customers = place_endlessly(folder, nodes[0])
        time.sleep(0.5)
        leaver.process.send_signal(signal.SIGTERM)
        times.append(wait(lambda: sum(node.shards() for node in nodes) == SHARDS, "all shards are served"))
        customers.end()
        if leaver.process.wait(timeout=WITHIN_S) != 0:
            give_up("a node that was told to end failed")
        nodes.insert(end % 3, Node(cluster, leaver.data))
    tell_times("end, until all its shards are served", times, 500)
    cluster.end(*nodes)


def balance(folder, options):
    """From the start of two more nodes until three share all out, with customers at each from when it is ready,
    none of whom may be refused."""
    times = []
    for join in range(options.joins):
        inner = os.path.join(folder, str(join))
        os.mkdir(inner)
        cluster = Cluster(inner, options.lease_s)
        nodes = [cluster.start()]
        customers = [place_endlessly(inner, nodes[0])]
        time.sleep(1)
        began = time.monotonic()
        for _ in range(2):
            nodes.append(cluster.start())
            customers.append(place_endlessly(inner, nodes[-1]))
        wait(lambda: shared_out(nodes), "shared out")
        times.append(time.monotonic() - began)
        time.sleep(1)
        rate = sum(each.end()[0] for each in customers)
        tell(f"  placements meanwhile, run {join + 1}, none of them failed", rate, "/s", 0)
        cluster.end(*nodes)
    tell_times("balance of 1 to 3 nodes under load, since the first of two was started", times)


def run(options):
    for name, part in (("One node over PostgreSQL", place_alone),
                       ("One node of a cluster, over PostgreSQL, Redis and a provider", place_in_cluster),
                       ("A hop to another node", hop), ("Fail-over", fail_over), ("Hand-over", hand_over),
                       ("Balance", balance)):
        head(name)
        with new_folder() as folder:
            part(folder, options)
