"""Draws an ONNX graph from left to right: inputs, operators, outputs."""

import re
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np
import onnx
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from workshop.arms import BLACK
from workshop.errors import WorkshopError
from workshop.graphs import details_of, inputs_of, nodes_of, shared, type_of
from workshop.looks import finish

PARTS = 45  # inputs, nodes and outputs: more cannot be read in one picture
TINTS = {"float32": "#FBE9A9", "string": "#A9DCCB", "int64": "#D3B5E0"}
WHITE, LIGHT = "#FFFFFF", "#EBEBEB"  # operators of ONNX itself, and of its ML domain
TIMES = "\N{MULTIPLICATION SIGN}"
LETTERS = 14  # in a line of a box
HEAD, DETAIL, LEADING = 16.5, 14.0, 1.25  # points, and lines a line
PAD, ROW_GAP, GAP, WIDEST_GAP, MARGIN = 0.12, 0.14, 0.5, 1.2, 0.06  # inches
WAY, STRAIGHT = 0.3, 0.2  # inches: the height of an arrow's way, its straight end


@dataclass(eq=False)
class Box:
    """One box, in inches with y downwards; one without words keeps a way free."""

    heads: list[str]
    details: list[str]
    fill: str = WHITE
    reads: list["Box"] = field(default_factory=list)
    column: int = 0
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def lines(self) -> list[tuple[str, float]]:
        """What stands in the box, and how large, from the top."""
        heads, details = self.heads, self.details
        return [(line, HEAD) for line in heads] + [(line, DETAIL) for line in details]


def draw_graph(graph: onnx.ModelProto, *, title: str, caption: str = "") -> Axes:
    """Draw inputs, operators and outputs as boxes, and arrows from what they read.

    Operators of ONNX itself that only rearrange, or follow each other, share a box.
    Raises WorkshopError beyond 45 inputs, nodes and outputs.
    """
    nodes = len(graph.graph.node)
    parts = nodes + len(inputs_of(graph)) + len(graph.graph.output)
    if not 0 < parts <= PARTS:
        raise WorkshopError(
            f"This graph has {nodes} nodes, {parts} parts with inputs and outputs, and "
            f"a picture is readable up to {PARTS}. Print graphs.describe_graph(graph)."
        )
    columns = _columns(_boxes(graph))
    for column in columns:
        _spread(column)
    axes = plt.figure(layout="constrained").subplots()
    axes.axis("off")
    finish(axes, title, _legend(graph), caption, nodes_of(graph))
    _place(axes, columns)
    for box in (box for column in columns for box in column if box.heads):
        _paint(axes, box)
        for read, y in zip(box.reads, _arrivals(box), strict=True):
            axes.add_patch(_arrow(read, box, y))
    return axes


def _legend(graph: onnx.ModelProto) -> str:
    """How many nodes there are, and what boxes and colours mean."""
    nodes = len(graph.graph.node)
    said = [f"{nodes} node{'s' * (nodes != 1)}", "grey: machine-learning operators"]
    said += ["plain steps in a row share a box"] * (len(shared(graph)) < nodes)
    return "; ".join([*said, "colours: types"])


def _boxes(graph: onnx.ModelProto) -> list[Box]:
    """The boxes and what they read, each after those."""
    made = {}

    def value_box(value: onnx.ValueInfoProto) -> Box:
        kind = type_of(value)
        return Box([value.name], kind, TINTS.get(kind[0], WHITE))

    boxes = [made.setdefault(each.name, value_box(each)) for each in inputs_of(graph)]
    for nodes in shared(graph):
        runs = groupby(node.op_type for node in nodes)
        counts = [(name, len(list(run))) for name, run in runs]
        heads = [f"{name} {TIMES}{n}" if n > 1 else name for name, n in counts]
        details = details_of(nodes[0]) if len(nodes) == 1 else []
        box = Box(heads, details, LIGHT if nodes[0].domain else WHITE)
        read = [made[v] for node in nodes for v in node.input if v in made]
        box.reads = list(dict.fromkeys(read))
        box.column = 1 + max((each.column for each in box.reads), default=0)
        made |= {value: box for node in nodes for value in node.output if value}
        boxes.append(box)
    last = 1 + max((box.column for box in boxes), default=0)
    for each in graph.graph.output:
        box = value_box(each)
        box.reads, box.column = [made[each.name]] if each.name in made else [], last
        boxes.append(box)
    return boxes


def _columns(boxes: list[Box]) -> list[list[Box]]:
    """The boxes by column, with a way kept free for what passes a column by."""
    ways = {}
    for box in boxes:
        _measure(box)
        for place, read in enumerate(box.reads):
            for column in range(read.column + 1, box.column):
                free = Box([], [], column=column, height=WAY)
                way = ways.setdefault((read, column), free)
                way.reads = [ways.get((read, column - 1), read)]
                box.reads[place] = way
    everything = [*boxes, *ways.values()]
    columns = [
        [box for box in everything if box.column == column]
        for column in sorted({box.column for box in boxes})
    ]
    for column in columns:
        width = max(box.width for box in column)
        for box in column:
            box.width = width
    return columns


def _measure(box: Box) -> None:
    """Break the words into lines, and make the box as large as they ask for."""
    box.heads = [line for head in box.heads for line in _lines(head)]
    paths = [TextPath((0, 0), line, size=size) for line, size in box.lines]
    box.width = max(path.get_extents().x1 for path in paths) / 72 + 2 * PAD
    words = sum(size for _, size in box.lines) * LEADING / 72 + PAD
    box.height = max(words, WAY * len(box.reads))


def _lines(name: str) -> list[str]:
    """The name in lines of at most 14 letters, broken between words where it can."""
    lines = [""]
    for word in re.findall(r"[A-Z]*[^A-Z_.]*[_.]*", name):
        for start in range(0, len(word), LETTERS):
            piece = word[start : start + LETTERS]
            if len(lines[-1] + piece) <= LETTERS:
                lines[-1] += piece
            else:
                lines.append(piece)
    return lines


def _spread(column: list[Box]) -> None:
    """Put each box at the height of what it reads, or as near as others let it."""
    if column[0].column:
        for box in column:
            box.y = sum(read.y for read in box.reads) / max(len(box.reads), 1)
        column.sort(key=lambda box: box.y)
    apart = [(a.height + b.height) / 2 + ROW_GAP for a, b in pairwise(column)]
    offset = np.cumsum([0.0, *apart])
    wanted = np.array([box.y for box in column]) - offset
    lowest = np.maximum.accumulate(wanted)
    highest = np.minimum.accumulate(wanted[::-1])[::-1]
    for box, y in zip(column, (lowest + highest) / 2 + offset, strict=True):
        box.y = float(y)
    if len(column) == 1 and len(box.reads) > 1:
        ends = [r.y + side * r.height / 2 for r in box.reads for side in (-1, 1)]
        box.height = max(box.height, max(ends) - min(ends))
        box.y = (max(ends) + min(ends)) / 2


def _place(axes: Axes, columns: list[list[Box]]) -> None:
    """Give the boxes the inches they need, and put them into their middle."""
    boxes = [box for column in columns for box in column]
    ends = [box.y + side * box.height / 2 for box in boxes for side in (-1, 1)]
    taken, gaps = sum(column[0].width for column in columns), len(columns) - 1
    figure = axes.figure
    figure.draw_without_rendering()
    words = figure.get_size_inches() - _inches(axes)
    least = words[0] + taken + gaps * GAP + MARGIN
    width = max(least, figure.get_figwidth())
    figure.set_size_inches(width, words[1] + max(ends) - min(ends) + MARGIN)
    figure.draw_without_rendering()
    width, height = _inches(axes)
    axes.set(xlim=(0, width), ylim=(height, 0))
    gap = min((width - taken - MARGIN) / max(gaps, 1), WIDEST_GAP)
    left = (width - taken - gap * gaps) / 2
    for column in columns:
        for box in column:
            box.x = left
            box.y += (height - max(ends) - min(ends)) / 2
        left += column[0].width + gap


def _inches(axes: Axes) -> np.ndarray:
    return axes.get_window_extent().size / axes.figure.dpi


def _paint(axes: Axes, box: Box) -> None:
    """Draw the box with its words in the middle."""
    corner = (box.x, box.y - box.height / 2)
    style = {"boxstyle": "round,pad=0,rounding_size=0.08", "lw": 1.8}
    colours = {"facecolor": box.fill, "edgecolor": BLACK}
    axes.add_patch(FancyBboxPatch(corner, box.width, box.height, **style, **colours))
    y = box.y - sum(size for _, size in box.lines) * LEADING / 144
    for line, size in box.lines:
        y += size * LEADING / 72
        at = (box.x + box.width / 2, y - size * LEADING / 144)
        axes.text(*at, line, size=size, color=BLACK, ha="center", va="center")


def _arrivals(box: Box) -> list[float]:
    """The heights at which arrows arrive: those of their sources, or evenly spread."""
    sources = [read.y for read in box.reads]
    if all(abs(y - box.y) < box.height / 2 for y in sources):
        return sources
    steps = np.arange(1, len(sources) + 1) / (len(sources) + 1) - 0.5
    ranks = np.argsort(np.argsort(sources, kind="stable"))
    return list(box.y + box.height * steps[ranks])


def _arrow(read: Box, box: Box, y: float) -> FancyArrowPatch:
    """An arrow that bends between columns only, and passes a column in its free way."""
    points = [(box.x - STRAIGHT, y)]
    while not read.heads:
        points[:0] = [(read.x, read.y), (read.x + read.width, read.y)]
        read = read.reads[0]
    points.insert(0, (read.x + read.width, read.y))
    corners, codes = [], []
    for start, end in zip(points[::2], points[1::2], strict=True):
        middle = (start[0] + end[0]) / 2
        corners += [start, (middle, start[1]), (middle, end[1]), end]
        codes += [Path.LINETO, *[Path.CURVE4] * 3]
    way = Path([*corners, (box.x, y)], [Path.MOVETO, *codes[1:], Path.LINETO])
    style = {"arrowstyle": "-|>", "mutation_scale": 20, "lw": 1.8, "color": BLACK}
    return FancyArrowPatch(path=way, **style)
