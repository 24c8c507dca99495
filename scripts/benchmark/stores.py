"""Data folders filled by journal_seed, and what is in a folder."""
import os
import subprocess

from .machine import bench_program

JOURNALS = ("reservations", "receipts")


def fill(data, finished, unfinished=0):
    """Finished reservations, then some whose charge was interrupted, in an empty data folder. There is no
    view yet. Reservation I belongs to the customer `customer_of(I, finished)`."""
    subprocess.run([bench_program("journal_seed"), "fill", data, str(finished), str(unfinished)], check=True)


def customers_of(finished):
    """How many customers share the reservations of `fill`: 20 each."""
    return max(finished // 20, 1)


def files_in(folder):
    """(path, bytes) of each file."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                yield path, os.path.getsize(path)
            except FileNotFoundError:
                pass  # Deleted meanwhile.


def bytes_in(folder):
    return sum(size for _, size in files_in(folder))
