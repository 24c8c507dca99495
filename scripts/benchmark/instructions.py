"""Instructions of the engine alone for one placement and one cancellation, by callgrind: one thread, virtual time,
journals in memory, no HTTP. They do not depend on what else runs on the machine. By stages; what all share
(memory, containers) counts for the stage that called it. RocksDB and the log are not in it: appending is the
journal writer's part and that of the journal in memory."""
import os
import re
import subprocess

from .callgrind import Profile, by_stage
from .figures import head, tell
from .machine import bench_program, give_up, new_folder

PROGRAMS = ("valgrind",)
BUILDS = ("saga_instructions",)
COUNTED = "counted_sagas"
# The first pattern that a function's plain name matches tells its stage.
STAGES = [(name, re.compile(pattern)) for name, pattern in (
    ("harness", r"counted_sagas|holdfast::testing::|.*willing_provider|caf::scheduler::test_coordinator"),
    ("decide and evolve", r"holdfast::domain::"),
    ("encode", r"holdfast::storage::.*(encode|decode|codec|varint|\{anonymous\}::(reader|writer)::)"),
    ("project", r"holdfast::(actors::.*projector|storage::.*(view|projection|header))"),
    ("append", r"holdfast::(actors::.*(journal_writer|entity)|storage::)"),
    ("pay", r"holdfast::(payments::|actors::.*(breaker|payment))"),
    ("spawn and end", r"caf::.*(spawn|launch|cleanup|make_actor|actor_storage|actor_registry|attach|"
                      r"(local_actor|scheduled_actor|event_based_actor|stateful_actor|abstract_actor|actor_config)"
                      r"::~?(local_actor|scheduled_actor|event_based_actor|stateful_actor|abstract_actor|actor_config)$)"),
    ("message passing", r"caf::|holdfast::actors::.*(scheduler|router|mailbox)"),
    ("reservation, receipt and shard", r"holdfast::actors::"),
)]


def add_arguments(parser):
    parser.add_argument("--count", type=int, default=4096)
    parser.add_argument("--works", nargs="+", default=["place", "cancel"])


def stage_of(name):
    return next((stage for stage, pattern in STAGES if pattern.match(name)), None)


def profile_of(work, folder, options):
    """The profile, and how many were counted."""
    out = os.path.join(folder, work)
    command = ["valgrind", "--tool=callgrind", f"--toggle-collect={COUNTED}*", f"--callgrind-out-file={out}",
               bench_program("saga_instructions"), work, str(options.count)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        give_up(f"saga_instructions ended with {run.returncode}:\n{run.stderr}")
    return Profile(out), int(run.stdout.split()[-1])


def run(options):
    with new_folder() as folder:
        for work in options.works:
            profile, count = profile_of(work, folder, options)
            stages = by_stage(profile, stage_of)
            whole = sum(stages.values())
            head(f"instructions of one {work}, of {count:,} counted")
            for stage, instructions in sorted(stages.items(), key=lambda each: -each[1]):
                tell(f"{stage or 'not told apart'} ({instructions / whole:.0%})", instructions / count,
                     "instructions", 0)
            tell("all", whole / count, "instructions", 0)
