"""What the embedded view costs: reservations of one customer, and of a million by chance, written as the projector
writes them live, at a steady rate; processor time of its threads for each, bytes on disk, and what gets and lists take
right after that and after a restart."""
import os
import subprocess

from .figures import head
from .machine import bench_program, give_up, new_folder

BUILDS = ("view_cost",)


def add_arguments(parser):
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=50_000, help="rows a second, 0 for as fast as it goes")
    parser.add_argument("--customers", nargs="+", choices=["one", "many"], default=["one", "many"])


def run(options):
    for customers in options.customers:
        with new_folder() as folder:
            head(f"{options.rows:,} reservations of {customers}")
            command = [bench_program("view_cost"), os.path.join(folder, "view"), str(options.rows), customers,
                       str(options.rate)]
            if subprocess.run(command, check=False).returncode != 0:
                give_up("view_cost failed")
