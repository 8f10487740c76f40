"""Plots: curves as small inline SVG, in the page's own colors so that dark mode follows.

Knows points, scales and SVG. Does not know SymPy, formulas or TRL. Deterministic: the same points give the same text.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]
INK = "var(--md-default-fg-color--light,#666)"
FAINT = "var(--md-default-fg-color--lighter,#bbb)"
COLORS = ("var(--plot-1,#3f6fd8)", "var(--plot-2,#d8582c)", "var(--plot-3,#2c9a6b)")
DASHES = ("", "5 2", "2 2")  # so that curves differ without color as well


@dataclass(frozen=True)
class Frame:
    """A box on the canvas (left, top, width, height in pixels) and the range of values that it shows."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixel of a value; y is cut at the frame's edges."""
        low, high = self.y
        share = (min(max(y, low), high) - low) / (high - low)
        return self.left + (x - self.x[0]) / (self.x[1] - self.x[0]) * self.width, self.top + (1 - share) * self.height

    def curve(self, points: Points) -> str:
        """A polyline through the points."""
        return f'<polyline points="{" ".join(_pixel(self.place(*point)) for point in points)}"/>'

    def edges(self) -> str:
        """The frame's edges, and lines where a value is 0."""
        middle, zero = self.place(0, self.y[0])[0], self.place(self.x[0], 0)[1]
        lines = f"M{self.left},{self.top}h{self.width}v{self.height}h-{self.width}z"
        lines += f"M{middle:.1f},{self.top}v{self.height}"
        return f'<path d="{lines}{f"M{self.left},{zero:.1f}h{self.width}" if self.y[0] < 0 < self.y[1] else ""}"/>'

    def ticks(self) -> str:
        """The numbers at the ends of both axes, and at x = 0."""
        left = [words(self.left - 4, self.place(0, y)[1] + 4, f"{y:.3g}", "end") for y in self.y]
        return "".join(left + [words(self.place(x, 0)[0], self.top + self.height + 13, f"{x:g}") for x in (*self.x, 0)])


def span(lines: Iterable[Points]) -> tuple[float, float]:
    """Range of y over all lines, 0 included."""
    values = [0.0] + [y for line in lines for _, y in line]
    return min(values), max(values)


def words(x: float, y: float, body: str, anchor: str = "middle") -> str:
    """Text at a pixel."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(body)}</text>'


def pair(label: str, curve: tuple[str, Points], derivatives: dict[str, Points], across: str) -> str:
    """Two frames side by side: a named curve, and its named derivatives. `across` names the x axis."""
    name, points = curve
    reach = (points[0][0], points[-1][0])
    left = Frame(46, 24, 248, 150, reach, span([points]))
    right = Frame(356, 24, 248, 150, reach, span(derivatives.values()))
    body = _strokes(FAINT, left.edges() + right.edges(), width=1) + _letters(left.ticks() + right.ticks())
    body += _letters("".join(words(frame.left + 124, 204, across) for frame in (left, right)))
    body += _key(46, name, 0) + _strokes(COLORS[0], left.curve(points))
    for index, (name, points) in enumerate(derivatives.items(), start=1):
        body += _key(356 + 124 * (index - 1), name, index) + _strokes(COLORS[index], right.curve(points), DASHES[index])
    return _svg(620, 210, label, body)


def grid(label: str, cells: dict[str, tuple[Points, Points]], low: float, high: float, columns: int = 4) -> str:
    """Small frames of one scale, each with a loss and its derivative, over the first cell's loss in grey."""
    background, _ = next(iter(cells.values()))
    reach = (background[0][0], background[-1][0])
    frames = {
        name: Frame(4 + index % columns * 155, 42 + index // columns * 104, 145, 80, reach, (low, high))
        for index, name in enumerate(cells)
    }
    names = "".join(words(frame.left, frame.top - 4, name, "start") for name, frame in frames.items())
    body = _strokes(FAINT, "".join(frame.edges() + frame.curve(background[::2]) for frame in frames.values()), width=1)
    body += _letters(names) + _key(4, "loss", 0) + _key(84, "derivative", 1)
    body += _strokes(COLORS[0], "".join(frames[name].curve(loss) for name, (loss, _) in cells.items()), DASHES[0])
    body += _strokes(COLORS[1], "".join(frames[name].curve(slope) for name, (_, slope) in cells.items()), DASHES[1])
    return _svg(columns * 155, 42 + math.ceil(len(cells) / columns) * 104, label, body)


def courses(label: str, frames: Sequence[dict[str, Points]], across: str) -> str:
    """Frames side by side, two a row, each with up to three named lines over the same x axis, such as training steps."""
    drawn = []
    for index, lines in enumerate(frames):
        reach = (0.0, max(points[-1][0] for points in lines.values()))
        frame = Frame(46 + 310 * (index % 2), 38 + 230 * (index // 2), 248, 150, reach, span(lines.values()))
        drawn.append(_strokes(FAINT, frame.edges(), width=1) + _letters(frame.ticks()))
        drawn.append(_letters(words(frame.left + 124, frame.top + 180, across)))
        for place, (name, points) in enumerate(lines.items()):
            down = frame.top - (38 if place < 2 and len(lines) > 2 else 24)  # a third name gets a row of its own
            key = f'<g transform="translate(0,{down})">{_key(frame.left + 132 * (place % 2), name, place)}</g>'
            drawn.append(key + _strokes(COLORS[place], frame.curve(points), DASHES[place]))
    return _svg(620, 230 * math.ceil(len(frames) / 2), label, "".join(drawn))


def _pixel(place: tuple[float, float]) -> str:
    return ",".join(f"{value:.1f}".removesuffix(".0") for value in place)


def _strokes(color: str, body: str, dashes: str = "", width: float = 1.8) -> str:
    dash = f";stroke-dasharray:{dashes}" if dashes else ""
    return f'<g style="fill:none;stroke:{color};stroke-width:{width}{dash}">{body}</g>'


def _letters(body: str) -> str:
    return f'<g style="fill:{INK};font-size:11px">{body}</g>'


def _key(x: float, name: str, index: int) -> str:
    """A piece of a curve's line, and its name."""
    return _strokes(COLORS[index], f'<path d="M{x},11h16"/>', DASHES[index]) + _letters(
        words(x + 20, 15, name, "start")
    )


def _svg(width: int, height: int, label: str, body: str) -> str:
    """The element, with its text alternative."""
    label = html.escape(label, quote=True)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}"><title>{label}</title>{body}</svg>'
