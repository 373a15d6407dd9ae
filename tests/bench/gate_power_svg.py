"""Draws the power of `gate` from what gate_bar prints: gate_power_svg.py < FIGURES > docs/gate_power.svg"""
import re
import sys

COLOURS = ("#1b6ca8", "#d1495b", "#5a9367", "#8a5fbf", "#c98a1b")
WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 240, 46, 62, 62
LOWEST, HIGHEST = -1.0, 5.0  # % of true increase
ROW = re.compile(r"(.{18}) +([\d.]+) % {3} +(-?[\d.]+) +([\d.]+) +([\d.]+) ")


def read(lines):
    """{between: {design: [(true, PASS %, FAIL %)]}}, the title, the limit."""
    figures, title, limit, in_power = {}, "", None, False
    for line in lines:
        if line.startswith("SIMULATED"):
            title = line.strip()
            limit = float(re.search(r"limit ([\d.]+) %", line).group(1))
        in_power = in_power or line.startswith("power")
        match = ROW.match(line) if in_power else None
        if match:
            design, between, *row = match.groups()
            figures.setdefault(float(between), {}).setdefault(design.strip(), []).append([float(x) for x in row])
    return figures, title, limit


def panel(origin, between, designs, limit):
    x0, y0 = origin

    def place(true, percent):
        x = x0 + WIDTH * (true - LOWEST) / (HIGHEST - LOWEST)
        return f"{x:.1f},{y0 + HEIGHT * (1 - percent / 100):.1f}"

    def line(a, b, more):
        (xa, ya), (xb, yb) = a.split(","), b.split(",")
        return f'<line x1="{xa}" y1="{ya}" x2="{xb}" y2="{yb}" {more}/>'

    yield f'<text x="{x0}" y="{y0 - 8}" font-weight="bold">runs differ by {between:g} %</text>'
    for percent in (0, 5, 25, 50, 75, 90, 100):
        more = 'stroke="#ccc" stroke-dasharray="2 2"' if percent in (5, 90) else 'stroke="#ddd"'
        yield line(place(LOWEST, percent), place(HIGHEST, percent), more)
        x, y = place(LOWEST, percent).split(",")
        yield f'<text x="{float(x) - 5}" y="{float(y) + 4}" text-anchor="end">{percent}</text>'
    for true in range(int(LOWEST), int(HIGHEST) + 1):
        x, y = place(true, 0).split(",")
        yield f'<text x="{x}" y="{float(y) + 15}" text-anchor="middle">{true:+d} %</text>'
    yield line(place(limit, 0), place(limit, 100), 'stroke="#333"')
    for colour, rows in zip(COLOURS, designs.values()):
        for column, dashes in ((1, "6 3"), (2, "none")):
            points = " ".join(place(row[0], row[column]) for row in sorted(rows))
            yield (f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" '
                   f'stroke-dasharray="{dashes}"/>')


def draw(figures, title, limit):
    width = LEFT + len(figures) * (WIDTH + GAP)
    height = TOP + HEIGHT + 62
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">')
    yield f'<title>{title}</title><rect width="100%" height="100%" fill="white"/>'
    yield (f'<text x="{LEFT}" y="20" font-size="13">SIMULATED: share of gates (%) that PASS (dashed) and FAIL (solid), '
           f'by true increase, limit {limit:g} %</text>')
    for i, between in enumerate(sorted(figures)):
        yield from panel((LEFT + i * (WIDTH + GAP), TOP), between, figures[between], limit)
    x = LEFT
    for colour, design in zip(COLOURS, next(iter(figures.values()))):
        y = TOP + HEIGHT + 44
        yield f'<rect x="{x}" y="{y - 9}" width="18" height="4" fill="{colour}"/><text x="{x + 24}" y="{y - 3}">{design}</text>'
        x += 24 + 8 * len(design) + 20
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(draw(*read(sys.stdin))))
