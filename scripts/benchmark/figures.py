"""Figures with their units, and the targets that they are held against: never a test, only told."""
import math
import statistics


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


def tenths_of(values):
    """The medians of ten parts in a row."""
    return [statistics.median(values[len(values) * tenth // 10:len(values) * (tenth + 1) // 10]) for tenth in range(10)]


def flatness(values):
    """The last tenth's median to that of the second tenth: the first is for warming up."""
    medians = tenths_of(values)
    return medians[-1] / medians[1]


def slope_of(points):
    """The slope of the line that fits best, and its standard error."""
    xs, ys = zip(*points)
    slope, intercept = statistics.linear_regression(xs, ys)
    rest = sum((y - slope * x - intercept) ** 2 for x, y in points)
    spread = sum((x - statistics.mean(xs)) ** 2 for x in xs)
    return slope, math.sqrt(rest / max(len(points) - 2, 1) / spread)
