"""Reads what callgrind counted, and sums it up by stages.

A function whose name says its stage counts for that stage with its own instructions. What it shares with
others (memcpy, operator new, the containers) counts for those who called it, in the proportion of what their
calls cost; so does everything else without a stage, up to the next caller that has one. That is
what gprof does with a call graph, and it is as near as one gets: callgrind keeps callers, not stacks."""
import collections
import re

NAME = re.compile(r"\((\d+)\)(?: (.*))?")
# Passes over the call graph until what was shared has come to those who called: chains of callers
# are shorter, but for recursion, whose rest goes to nobody.
PASSES = 60


class Profile:
    """own: function -> instructions; calls: (caller, callee) -> instructions, those below it included."""

    def __init__(self, path):
        self.own = collections.Counter()
        self.calls = collections.Counter()
        self.names = {}
        with open(path, encoding="utf-8", errors="replace") as lines:
            self.read(lines)

    def name_of(self, written):
        """callgrind writes a name out once and abbreviates it from then on."""
        number, name = NAME.fullmatch(written).groups()
        return self.names.setdefault(number, name)

    def read(self, lines):
        function = callee = None
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("fn="):
                function = self.name_of(line[3:])
            elif line.startswith("cfn="):
                callee = self.name_of(line[4:])
            elif line and line[0] in "0123456789+-*":
                cost = int(line.split()[1])
                if callee is None:
                    self.own[function] += cost
                else:
                    self.calls[function, callee] += cost
                    callee = None


def plain_name(name):
    """Without arguments of templates and functions and without what it returns, so that a pattern
    sees whose function it is and not what it is about. A cycle's number goes too."""
    name = re.sub(r"'\d+$", "", name).replace("(anonymous namespace)", "{anonymous}")
    name = re.sub(r"operator(?:<<|>>|<=|>=|->|<|>|\(\))", "operator", name)
    depth, kept = 0, []
    for letter in name:
        depth -= letter in ">)"
        if depth == 0 and letter not in "<>()":
            kept.append(letter)
        depth += letter in "<("
    words = re.sub(r" (const|\[clone .*\])\s*$", "", "".join(kept)).split()
    return words[-1] if words else name


def by_stage(profile, stage_of):
    """stage -> instructions; `stage_of` tells a plain name's stage, or None for what is shared."""
    stages = {name: stage_of(plain_name(name)) for name in profile.own.keys() | {f for pair in profile.calls for f in pair}}
    callers = collections.defaultdict(list)
    for (caller, callee), cost in profile.calls.items():
        if stages[callee] is None and caller != callee and cost:
            callers[callee].append((caller, cost))
    totals, waiting = collections.Counter(), dict(profile.own)
    for _ in range(PASSES):
        passed_on = collections.Counter()
        for function, instructions in waiting.items():
            if stages[function]:
                totals[stages[function]] += instructions
                continue
            whole = sum(cost for _, cost in callers[function])
            if not whole:
                totals[None] += instructions
            for caller, cost in callers[function]:
                passed_on[caller] += instructions * cost / whole
        waiting = passed_on
    totals[None] += sum(waiting.values())
    return totals
