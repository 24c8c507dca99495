"""Figures with their units, and the targets that they are held against: never a test, only told."""


def verdict(value, at_most=None, at_least=None):
    """What a target says to a figure; empty where there is none."""
    if at_most is not None:
        return f"target at most {at_most:g}: {'met' if value <= at_most else 'MISSED'}"
    if at_least is not None:
        return f"target at least {at_least:g}: {'met' if value >= at_least else 'MISSED'}"
    return ""


def tell(name, value, unit, digits=2, at_most=None, at_least=None):
    """One line: the figure, its unit and its target."""
    line = f"{name:58} {value:14,.{digits}f} {unit:18} {verdict(value, at_most, at_least)}"
    print(line.rstrip(), flush=True)


def head(text):
    print(f"\n{text}", flush=True)


def flatness(values, tenths=10):
    """The last tenth's median to that of the second tenth: the first is for warming up."""
    def median_of_tenth(tenth):
        part = sorted(values[len(values) * tenth // tenths:len(values) * (tenth + 1) // tenths])
        return part[len(part) // 2]
    return median_of_tenth(tenths - 1) / median_of_tenth(1)
