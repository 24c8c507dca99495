"""Line charts in SVG, drawn by hand so that a bench needs no library: panels above each other, each
with its title, its axes with their units, a light grid, and its lines named where they end."""
import math
from xml.sax.saxutils import escape

WIDTH, PANEL_HEIGHT = 860, 300
LEFT, RIGHT, TOP, BOTTOM = 84, 116, 46, 54
HEADER, FOOTER = 58, 34
COLOURS = ("#1f6feb", "#d1592a", "#1a8a5a", "#8250df", "#9a6b00")
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"
INK, FAINT, GRID, BAND = "#24292f", "#6a737d", "#e4e8ec", "#eaf4ea"


class Panel:
    """One pair of axes. `lines` are (name, [(x, y)]); `band` is a range of y that is aimed at."""

    def __init__(self, title, y_label, lines, band=None, y_from_zero=True, dots=False):
        self.title, self.y_label, self.lines = title, y_label, lines
        self.band, self.y_from_zero, self.dots = band, y_from_zero, dots


def round_steps(low, high, about=5):
    """Round values from low to high, a step of 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / about or 1
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.floor(low / step)
    last = math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, last + 1)]


def short(value):
    """10000 as 10 k, 2500000 as 2.5 M."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{name}"
    return f"{value:.4g}"


def text(x, y, words, size=12, anchor="start", colour=INK, more=""):
    return (f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' fill='{colour}' {FONT}"
            f" {more}>{escape(words)}</text>")


def straight(x1, y1, x2, y2, colour, width=1):
    return (f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}'"
            f" stroke-width='{width}'/>")


class Scale:
    """From values to pixels, along one axis."""

    def __init__(self, ticks, first_pixel, last_pixel, logarithmic=False, high=None):
        self.ticks, self.logarithmic = ticks, logarithmic
        self.first_pixel, self.last_pixel = first_pixel, last_pixel
        self.low, self.high = self.along(ticks[0]), self.along(ticks[-1] if high is None else high)

    def along(self, value):
        return math.log10(value) if self.logarithmic else value

    def pixel(self, value):
        part = (self.along(value) - self.low) / ((self.high - self.low) or 1)
        return self.first_pixel + part * (self.last_pixel - self.first_pixel)


def x_scale(panels, logarithmic):
    values = sorted({x for panel in panels for _, points in panel.lines for x, _ in points})
    steps = [tick for tick in round_steps(0, values[-1], 8) if tick <= values[-1]]
    return Scale(values if logarithmic else steps, LEFT, WIDTH - RIGHT, logarithmic, values[-1])


def y_scale(panel, top):
    values = [y for _, points in panel.lines for _, y in points] + list(panel.band or ())
    low = 0 if panel.y_from_zero else min(values)
    margin = 0.05 * (max(values) - low)
    ticks = round_steps(low if panel.y_from_zero else low - margin, max(values) + margin)
    return Scale(ticks, top + PANEL_HEIGHT - BOTTOM, top + TOP)


def draw_axes(panel, across, up, x_label):
    bottom, top, right = up.first_pixel, up.last_pixel, across.last_pixel
    yield text(LEFT, top - 16, panel.title, 14, more="font-weight='bold'")
    for tick in up.ticks:
        yield straight(LEFT, up.pixel(tick), right, up.pixel(tick), GRID)
        yield text(LEFT - 8, up.pixel(tick) + 4, short(tick), anchor="end", colour=FAINT)
    for tick in across.ticks:
        yield straight(across.pixel(tick), top, across.pixel(tick), bottom, GRID)
        yield text(across.pixel(tick), bottom + 18, short(tick), anchor="middle", colour=FAINT)
    yield straight(LEFT, bottom, right, bottom, INK)
    yield straight(LEFT, top, LEFT, bottom, INK)
    yield text((LEFT + right) / 2, bottom + 38, x_label, anchor="middle")
    middle = (top + bottom) / 2
    yield text(30, middle, panel.y_label, anchor="middle", more=f"transform='rotate(-90 30 {middle:.1f})'")


def draw_band(panel, across, up):
    low, high = panel.band
    yield (f"<rect x='{LEFT}' y='{up.pixel(high):.1f}' width='{across.last_pixel - LEFT}'"
           f" height='{up.pixel(low) - up.pixel(high):.1f}' fill='{BAND}'/>")


def places_of_names(wanted, least_apart=15):
    """Where names stand so that none covers another: from the top down, each as near as it may be."""
    places = {}
    lowest = -math.inf
    for name, at in sorted(wanted.items(), key=lambda each: each[1]):
        lowest = places[name] = max(at, lowest + least_apart)
    return places


def draw_lines(panel, across, up):
    ends = places_of_names({name: up.pixel(points[-1][1]) for name, points in panel.lines})
    for (name, points), colour in zip(panel.lines, COLOURS):
        path = " ".join(f"{across.pixel(x):.1f},{up.pixel(y):.1f}" for x, y in points)
        yield f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='1.8' stroke-linejoin='round'/>"
        if panel.dots:
            for x, y in points:
                yield f"<circle cx='{across.pixel(x):.1f}' cy='{up.pixel(y):.1f}' r='3.5' fill='{colour}'/>"
        yield text(across.pixel(points[-1][0]) + 10, ends[name] + 4, name, colour=colour)


def draw(path, title, subtitle, x_label, panels, logarithmic=False):
    """Writes the chart; all panels share the axis of x."""
    height = HEADER + PANEL_HEIGHT * len(panels) + FOOTER
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}'"
             f" height='{height}'>", f"<title>{escape(title)}</title>",
             f"<rect width='{WIDTH}' height='{height}' fill='white'/>",
             text(24, 32, title, 18, more="font-weight='bold'"), text(24, 52, subtitle, 12, colour=FAINT)]
    across = x_scale(panels, logarithmic)
    for number, panel in enumerate(panels):
        up = y_scale(panel, HEADER + number * PANEL_HEIGHT)
        if panel.band:
            parts += draw_band(panel, across, up)
        parts += draw_axes(panel, across, up, x_label)
        parts += draw_lines(panel, across, up)
    parts.append("</svg>")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")
    print(f"chart: {path}")
