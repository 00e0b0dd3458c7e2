"""Plots as SVG, by hand: bars for a figure, lines for what goes on over time."""

from xml.sax.saxutils import escape

WIDTH = 720
LEFT = 180
RIGHT = 90
BAR = 22
COLORS = ("#1b6ca8", "#d1495b", "#3d9970", "#8e6bbf", "#c98a1b", "#5c7080", "#b04a86", "#3aa6b9")
OURS = "#1b6ca8"
OTHERS = "#9fb3c1"


def label(system, tuning, peers):
    return f"{system} ({tuning})" if system in peers and tuning != "best" else system


def shown(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def document(height, parts):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def words(x, y, content, anchor="start", **style):
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(content)}</text>'


def bars(title, unit, rows):
    """`rows`: (name, median, least, most); the whisker goes from the least to the most."""
    span = WIDTH - LEFT - RIGHT
    top = max((most for _, _, _, most in rows), default=0) or 1
    parts = [words(16, 26, f"{title} ({unit})", font_size=16, font_weight="bold")]
    for index, (name, median, least, most) in enumerate(rows):
        y = 44 + index * (BAR + 8)
        middle = y + BAR / 2
        color = OURS if name.startswith("djps") else OTHERS
        length = span * median / top
        parts += [
            words(LEFT - 8, middle + 4, name, "end"),
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{color}"/>',
            f'<line x1="{LEFT + span * least / top:.1f}" x2="{LEFT + span * most / top:.1f}" '
            f'y1="{middle}" y2="{middle}" stroke="#333333" stroke-width="1.5"/>',
            words(LEFT + span * most / top + 8, middle + 4, shown(median)),
        ]
    return document(44 + len(rows) * (BAR + 8) + 12, parts)


LINES_LEFT, LINES_SPAN = 92, 508


class Panel:
    """A part of a picture in which lines go on over time, from second 0 to `seconds`."""

    def __init__(self, head, bottom, top, seconds):
        self.head, self.bottom = head, bottom
        self.top = top or 1
        self.seconds = seconds or 1
        self.parts = []

    def x(self, second):
        return LINES_LEFT + LINES_SPAN * second / self.seconds

    def y(self, value):
        return self.bottom - (self.bottom - self.head) * value / self.top

    def grid(self):
        for step in range(5):
            value = self.top * step / 4
            y = self.y(value)
            end = LINES_LEFT + LINES_SPAN
            self.parts += [
                f'<line x1="{LINES_LEFT}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>',
                words(LINES_LEFT - 8, y + 4, shown(value), "end"),
            ]

    def seconds_axis(self, step):
        """A mark each `step` seconds, or fewer where they would touch."""
        count = int(self.seconds // step)
        every = max(1, -(-count // 10))
        for index in range(every, count + 1, every):
            x = self.x(index * step)
            self.parts.append(words(x, self.bottom + 18, f"{index * step:g} s", "middle"))

    def band(self, begin, end, above):
        """Marks a span of time, and what is before and after it."""
        self.parts.append(
            f'<rect x="{self.x(begin):.1f}" width="{self.x(end) - self.x(begin):.1f}" '
            f'y="{self.head}" height="{self.bottom - self.head}" fill="#f3e3c3"/>'
        )
        spans = (("before", 0, begin), ("held", begin, end), ("after", end, self.seconds))
        for name, left, right in spans if above else ():
            middle = (self.x(left) + self.x(right)) / 2
            self.parts.append(words(middle, self.head - 6, name, "middle", fill="#777777"))

    def line(self, points, color, dots):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        style = f'fill="none" stroke="{color}" stroke-width="2"'
        self.parts.append(f'<polyline points="{path}" {style}/>')
        for x, y in points if dots else ():
            place = f'cx="{self.x(x):.1f}" cy="{self.y(y):.1f}"'
            self.parts.append(f'<circle {place} r="2.5" fill="{color}"/>')

    def names(self, series):
        """Beside the ends of their lines, moved apart where they would cover each other."""
        previous = None
        ends = sorted((self.y(points[-1][1]), name, color) for name, points, color in series)
        for end, name, color in ends:
            y = end if previous is None else max(end, previous + 15)
            previous = y
            self.parts.append(words(LINES_LEFT + LINES_SPAN + 8, y + 4, name, fill=color))


def colored(series):
    """(name, points, color) for each that has points."""
    entries = [(name, points) for name, points in series.items() if points]
    return [(name, points, COLORS[i % len(COLORS)]) for i, (name, points) in enumerate(entries)]


def draw(panel, series, dots):
    for _, points, color in series:
        panel.line(points, color, dots)
    panel.names(series)


def at_ends(values, window):
    return [((index + 1) * window, value) for index, value in enumerate(values)]


def highest(series):
    return max((y for _, points, _ in series for _, y in points), default=0)


def lines(title, unit, window, series):
    """`series`: name -> throughput of one window after another, each `window` seconds long."""
    series = colored({name: at_ends(values, window) for name, values in series.items() if values})
    seconds = max((points[-1][0] for _, points, _ in series), default=window)
    panel = Panel(50, 320, highest(series), seconds)
    panel.grid()
    panel.seconds_axis(window)
    draw(panel, series, True)
    head = words(16, 26, f"{title} ({unit})", font_size=16, font_weight="bold")
    return document(360, [head, *panel.parts])


def held(title, unit, window, runs):
    """`runs`: name -> result of a cell in which a transaction is held for a while (matrix.py).

    Above, the throughput of each window at its middle; below, how many dead rows there were.
    """
    runs = {name: run for name, run in runs.items() if run}
    middles = {
        name: [((i + 0.5) * window, y) for i, y in enumerate(run["windows_jobs_per_s"])]
        for name, run in runs.items()
    }
    seconds = max((len(run["windows_jobs_per_s"]) for run in runs.values()), default=1) * window
    dead = {
        name: [(at, rows) for at, rows, _ in run.get("samples", []) if at <= seconds]
        for name, run in runs.items()
    }
    first = next(iter(runs.values()), {"held_from_s": 0, "held_to_s": 0})
    paces, rows = colored(middles), colored(dead)
    parts = [words(16, 26, f"{title} ({unit})", font_size=16, font_weight="bold")]
    above = Panel(64, 310, highest(paces), seconds)
    below = Panel(372, 520, highest(rows), seconds)
    for panel, series in ((above, paces), (below, rows)):
        panel.band(first["held_from_s"], first["held_to_s"], panel is above)
        panel.grid()
        draw(panel, series, panel is above and len(paces[0][1]) <= 40 if paces else False)
    above.seconds_axis(window)
    below.seconds_axis(window)
    parts.append(words(16, 358, "dead rows that vacuum has not removed", fill="#555555"))
    return document(556, [*parts, *above.parts, *below.parts])
