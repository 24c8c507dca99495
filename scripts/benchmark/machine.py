"""Where things are on this machine, what has to be installed, and how a bench gives up."""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
HOLDFAST = os.path.join(BUILD, "holdfast")
DOCS = os.path.join(ROOT, "docs")

# Programs of other packages, and the Debian package that each is in.
PACKAGES = {"wrk": "wrk", "redis-server": "redis-server", "valgrind": "valgrind", "curl": "curl"}


def bench_program(name):
    return os.path.join(BUILD, "tests", name)


def give_up(why):
    sys.exit(f"bench: {why}")


def require(programs):
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        packages = " ".join(PACKAGES[name] for name in missing)
        give_up(f"{', '.join(missing)} is not installed: apt-get install -y {packages}")


def build(targets):
    subprocess.run([os.path.join(ROOT, "scripts", "build"), "release", *targets], check=True)


def processor_s(pid):
    """Processor time that the process and its children have taken, in seconds. 0 for one that has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            own = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
            return own + sum(processor_s(int(child)) for child in children.read().split())
    except FileNotFoundError:
        return 0.0


@contextlib.contextmanager
def new_folder():
    """Gone when the bench is done with it, and on the disk that TMPDIR names."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        yield folder
