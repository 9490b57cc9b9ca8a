"""A chart of dots: a line for each thing, and on it a dot for each kind, on a logarithmic axis."""

from chart import FAINT, FINE_GRID, FONT, GRID, INK, Axis, rule, text

WIDTH, LABELS, RIGHT = 640, 210, 44
TOP, BOTTOM, LINE, RADIUS = 92, 46, 24, 5


class Panel:
    """`rows` are pairs of a label and a dictionary of a kind to a number; `marks` are pairs of a number and
    what stands beside a line at it."""

    def __init__(self, title, subtitle, rows, marks=()):
        self.title, self.subtitle, self.marks = title, subtitle, marks
        self.rows = [(label, {kind: value for kind, value in values.items() if value > 0})
                     for label, values in rows]


def svg(panels, colours, unit):
    """The panels, side by side. `colours` has the kinds, in the order of drawing: name to colour."""
    lines = max(len(panel.rows) for panel in panels)
    width, height = WIDTH * len(panels), TOP + LINE * lines + BOTTOM
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
             f"width='{width}' height='{height}' {FONT} font-size='12' fill='{INK}'>",
             f"<rect width='{width}' height='{height}' fill='#ffffff'/>"]
    for number, panel in enumerate(panels):
        parts += [f"<g transform='translate({number * WIDTH} 0)'>", *draw(panel, colours, unit),
                  "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw(panel, colours, unit):
    values = [value for _, by_kind in panel.rows for value in by_kind.values()]
    axis = Axis([*values, *(value for value, _ in panel.marks)], LABELS, WIDTH - RIGHT, (1, 2, 5))
    bottom = TOP + LINE * len(panel.rows)
    yield text(16, 24, panel.title, size=15, weight="600")
    yield text(16, 43, panel.subtitle, colour=FAINT)
    yield from legend(colours)
    for number, whole in axis.ticks():
        x = axis.place(number)
        yield rule(x, TOP, x, bottom, GRID if whole else FINE_GRID)
        # Two of the axis's ends would touch the label of a power of ten.
        if whole or number in (axis.least, axis.most) and f"{number:e}"[0] == "5":
            yield text(x, bottom + 18, f"{number:,.0f} {unit}", anchor="middle", colour=FAINT)
    for value, label in panel.marks:
        x = axis.place(value)
        yield rule(x, TOP - 4, x, bottom, FAINT)
        yield text(x, bottom + 34, label, anchor="middle", colour=FAINT)
    for number, (label, by_kind) in enumerate(panel.rows):
        y = TOP + LINE * number + LINE / 2
        yield text(LABELS - 12, y + 4, label, anchor="end")
        if by_kind:
            yield rule(axis.place(min(by_kind.values())), y, axis.place(max(by_kind.values())), y,
                       GRID, width=2)
        for kind, colour in colours.items():
            if kind in by_kind:
                yield (f"<circle cx='{axis.place(by_kind[kind])}' cy='{y}' r='{RADIUS}' "
                       f"fill='{colour}'/>")


def legend(colours):
    x = 22
    for kind, colour in colours.items():
        yield f"<circle cx='{x}' cy='66' r='{RADIUS}' fill='{colour}'/>"
        yield text(x + 10, 70, kind, colour=colour, weight="600")
        x += 30 + 7.2 * len(kind)
