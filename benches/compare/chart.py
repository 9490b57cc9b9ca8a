"""Line charts on logarithmic axes, as one SVG of several panels."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 460, 400
# Around the part of a panel in which the lines are; to the right their names are written.
LEFT, RIGHT, TOP, BOTTOM = 78, 112, 62, 58
# The least distance between two names.
LINE = 15

INK, FAINT, GRID, FINE_GRID = "#24292f", "#57606a", "#d0d7de", "#eaeef2"
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


class Series:
    """A named line: points (x, y), and how it looks."""

    def __init__(self, name, points, colour, dashes=None, width=2):
        self.name, self.points, self.colour = name, points, colour
        self.dashes, self.width = dashes, width


class Panel:
    """A chart. `y_text` writes the label of a power of ten on the vertical axis."""

    def __init__(self, title, subtitle, x_title, y_text, series):
        self.title, self.subtitle, self.x_title = title, subtitle, x_title
        self.y_text = y_text
        self.series = [line for line in series if line.points]


def svg(panels):
    """The panels, side by side."""
    panels = [panel for panel in panels if panel.series]
    width = WIDTH * len(panels)
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {HEIGHT}' "
             f"width='{width}' height='{HEIGHT}' {FONT} font-size='12' fill='{INK}'>",
             f"<rect width='{width}' height='{HEIGHT}' fill='#ffffff'/>"]
    for number, panel in enumerate(panels):
        parts += [f"<g transform='translate({number * WIDTH} 0)'>", *draw(panel), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


class Axis:
    """From a number to a place, by its logarithm; both ends are whole steps."""

    def __init__(self, numbers, begin, end, steps):
        least, most = min(numbers), max(numbers)
        ticks = [step * 10 ** power for power in range(-12, 13) for step in steps]
        self.least = max(tick for tick in ticks if tick <= least * 1.0001)
        self.most = min(tick for tick in ticks if tick >= most * 0.9999 and tick > self.least)
        self.begin, self.end = begin, end

    def place(self, number):
        part = math.log(number / self.least) / math.log(self.most / self.least)
        return round(self.begin + part * (self.end - self.begin), 1)

    def ticks(self):
        """All one-digit numbers in between, and whether each is a power of ten."""
        for power in range(-12, 13):
            for digit in range(1, 10):
                number = digit * 10 ** power
                if self.least * 0.9999 <= number <= self.most * 1.0001:
                    yield number, digit == 1


def draw(panel):
    points = [point for line in panel.series for point in line.points]
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    x_axis = Axis([x for x, _ in points], LEFT, right, (1, 2, 5))
    y_axis = Axis([y for _, y in points], bottom, TOP, (1, 2, 5))

    yield text(LEFT, 24, panel.title, size=15, weight="600")
    yield text(LEFT, 43, panel.subtitle, colour=FAINT)
    for number, whole in x_axis.ticks():
        x = x_axis.place(number)
        yield rule(x, TOP, x, bottom, GRID if whole else FINE_GRID)
        if whole:
            yield text(x, bottom + 18, f"{number:,}", anchor="middle", colour=FAINT)
    for number, whole in y_axis.ticks():
        y = y_axis.place(number)
        yield rule(LEFT, y, right, y, GRID if whole else FINE_GRID)
        if whole:
            yield text(LEFT - 8, y + 4, panel.y_text(number), anchor="end", colour=FAINT)
    yield rule(LEFT, bottom, right, bottom, FAINT)
    yield text((LEFT + right) / 2, bottom + 40, panel.x_title, anchor="middle", colour=FAINT)

    for line in panel.series:
        places = [(x_axis.place(x), y_axis.place(y)) for x, y in line.points]
        dashes = f" stroke-dasharray='{line.dashes}'" if line.dashes else ""
        yield (f"<polyline points='{' '.join(f'{x},{y}' for x, y in places)}' fill='none' "
               f"stroke='{line.colour}' stroke-width='{line.width}' stroke-linejoin='round'"
               f"{dashes}/>")
        if not line.dashes:
            for x, y in places:
                yield f"<circle cx='{x}' cy='{y}' r='3' fill='{line.colour}'/>"
    ends = {line: y_axis.place(line.points[-1][1]) for line in panel.series}
    for line, y in spread(ends, bottom).items():
        x = x_axis.place(line.points[-1][0])
        if abs(y - ends[line]) > 1 or x < right:
            yield rule(x + 4, ends[line], right + 10, y, line.colour, width=0.75)
        yield text(right + 13, y + 4, line.name, colour=line.colour, weight="600")


def spread(ends, bottom):
    """Where to write the names: where the lines end, and so far apart that they can be read."""
    placed = {}
    for line, y in sorted(ends.items(), key=lambda item: item[1]):
        placed[line] = max(y, max(placed.values(), default=TOP - LINE) + LINE)
    # What was pushed off the lower edge pushes back.
    limit = bottom
    for line in reversed(placed):
        placed[line] = min(placed[line], limit)
        limit = placed[line] - LINE
    return placed


def text(x, y, content, anchor="start", colour=INK, size=12, weight="400"):
    return (f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' fill='{colour}' "
            f"font-size='{size}' font-weight='{weight}'>{escape(content)}</text>")


def rule(x1, y1, x2, y2, colour, width=1):
    return (f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' "
            f"stroke-width='{width}'/>")
