"""Customers who come at a fixed moderate rate (R a second), without and with N slow senders (1,000 unless
given, each a byte a second, half of them in their header, half in their body), by turns: medians, and the
median of the pairs' ratios. S is 35 unless given, so that the server's time-out, 30 s, is part of it."""
import os
import socket
import statistics
import threading
import time

from .clients import come
from .machine import new_folder
from .processes import Server


def add_arguments(parser):
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=35)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--senders", type=int, default=1000)


class SlowSenders(threading.Thread):
    """Clients who send a byte a second each, and come again once the server has enough of them."""

    TICKS_PER_S = 100
    BEGINNINGS = (b"GET / HTTP/1.1\r\nHost: shop.test\r\nX-Slow: ",
                  b"POST /preReservations HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n"
                  b"Content-Length: 16384\r\n\r\n")

    def __init__(self, port, count):
        super().__init__(daemon=True)
        self.port, self.ended, self.returned = port, threading.Event(), 0
        self.senders = [self.come(i) for i in range(count)]
        self.start()

    def come(self, i):
        sender = socket.create_connection(("127.0.0.1", self.port))
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender.sendall(self.BEGINNINGS[i % len(self.BEGINNINGS)])
        return sender

    def run(self):
        next_tick = time.monotonic()
        while not self.ended.is_set():
            for tick in range(self.TICKS_PER_S):
                for i in range(tick, len(self.senders), self.TICKS_PER_S):
                    try:
                        self.senders[i].sendall(b" ")
                    except OSError:
                        self.senders[i].close()
                        self.senders[i] = self.come(i)
                        self.returned += 1
                next_tick += 1 / self.TICKS_PER_S
                self.ended.wait(max(0, next_tick - time.monotonic()))

    def leave(self):
        self.ended.set()
        self.join()
        for sender in self.senders:
            sender.close()


def served(server, options):
    """p50 and p99 in ms of those served, and how many were not."""
    _, whole = come(server, options.rate, options.seconds, options.connections)
    return whole["acceptedP50"], whole["acceptedP99"], whole["came"] - whole["accepted"]


def served_beside_slow_senders(server, options):
    slow = SlowSenders(server.port, options.senders)
    try:
        return served(server, options)
    finally:
        slow.leave()


def run(options):
    with new_folder() as folder:
        server = Server(os.path.join(folder, "data"))
        served(server, options)
        pairs = []
        for turn in range(options.pairs):
            # Each comes first in every other pair, so that a drift of the machine favours neither.
            works = [served, served_beside_slow_senders]
            if turn % 2:
                works.reverse()
            results = {work: work(server, options) for work in works}
            pairs.append((results[served], results[served_beside_slow_senders]))
        print(f"{options.rate:,.0f} customers/s for {options.seconds} s, without and with {options.senders:,} slow"
              f" senders, {options.pairs} pairs")
        for i, name in enumerate(("p50", "p99")):
            ratios = sorted(abused[i] / alone[i] for alone, abused in pairs)
            print(f"{name}: {statistics.median(alone[i] for alone, _ in pairs):.2f} ms without,"
                  f" {statistics.median(abused[i] for _, abused in pairs):.2f} ms with;"
                  f" ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        print(f"not served: {sum(alone[2] for alone, _ in pairs)} without, {sum(abused[2] for _, abused in pairs)} with")
        server.end()
