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
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


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


def lines(title, unit, window, series):
    """`series`: name -> throughput of one window after another, each `window` seconds long."""
    height, bottom, head = 360, 320, 50
    left, span = 80, 520
    series = {name: values for name, values in series.items() if values}
    top = max((max(values) for values in series.values()), default=0) or 1
    count = max((len(values) for values in series.values()), default=1)
    parts = [words(16, 26, f"{title} ({unit})", font_size=16, font_weight="bold")]
    for step in range(5):
        y = bottom - (bottom - head) * step / 4
        parts += [
            f'<line x1="{left}" x2="{left + span}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>',
            words(left - 8, y + 4, shown(top * step / 4), "end"),
        ]
    for index in range(count):
        x = left + span * (index + 1) / count
        parts.append(words(x, bottom + 18, f"{(index + 1) * window} s", "middle"))
    ends = []
    for index, (name, values) in enumerate(series.items()):
        color = COLORS[index % len(COLORS)]
        points = [
            (left + span * (i + 1) / count, bottom - (bottom - head) * value / top)
            for i, value in enumerate(values)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in points]
        ends.append([points[-1][1], name, color])
    # Names beside the ends of their lines, moved apart where they would cover each other.
    previous = None
    for end in sorted(ends, key=lambda entry: entry[0]):
        y = end[0] if previous is None else max(end[0], previous + 15)
        previous = y
        parts.append(words(left + span + 8, y + 4, end[1], fill=end[2]))
    return document(height, parts)
