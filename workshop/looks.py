"""How figures look: an arm's own style, labels, the title and the caption."""

from dataclasses import replace
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from workshop.arms import ARMS, GREY, IN_PROCESS, Arm
from workshop.described import describe

TEXT_GREY = "#767676"
TITLE_WIDTH, CAPTION_WIDTH, CAPTION_SIZE = 58, 98, 15


def look(arm: str) -> Arm:
    """Return an arm's fixed look; others are grey under their own name.

    An arm with a word behind it ("onnx-python through uv") has its look, and the word.
    """
    name, space, words = arm.partition(" ")
    if name in ARMS:
        return replace(ARMS[name], label=ARMS[name].label + space + words)
    return Arm(arm, arm.replace("_", " "), GREY, **IN_PROCESS)


def mark(arm: Arm) -> dict:
    """Return the mark that says where an arm runs, for matplotlib."""
    return {"marker": arm.marker, "fillstyle": arm.fillstyle, "mew": 2}


def _name(arm: object) -> object:
    return look(arm).label if isinstance(arm, str) else arm


def label_ends(axes: Axes, gap_points: float = 24) -> None:
    """Write each line's name at its end, names pushed apart where ends are close."""
    axes.figure.draw_without_rendering()
    lines = sorted(axes.get_lines(), key=lambda line: line.get_ydata()[-1])
    points_a_pixel = 72 / axes.figure.dpi
    lowest = -np.inf
    for line in lines:
        x, y = line.get_xdata()[-1], line.get_ydata()[-1]
        at = axes.transData.transform((x, y))[1] * points_a_pixel
        lowest = max(at, lowest + gap_points)
        colour = line.get_color()
        style = {"va": "center", "color": TEXT_GREY if colour == GREY else colour}
        write(axes, line.get_label(), (x, y), (10, lowest - at), **style)


def write(axes: Axes, words: str, at: tuple, points_off: tuple, **style) -> None:
    """Write words so many points off a place in the axes, on white."""
    style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.annotate(words, at, points_off, textcoords="offset points", **style)


def finish(
    axes: Axes, title: str, said: str, caption: str, numbers: pd.DataFrame
) -> Axes:
    """Put the title on top and one caption under the figure; keep its numbers.

    numbers: what is drawn, a row and column a thing that is told apart in the figure.
    """
    axes.figure.suptitle(fill(title, TITLE_WIDTH), x=0.01, ha="left", weight="bold")
    text = "; ".join(each for each in (said, caption) if each)
    numbers = numbers.rename(index=_name, columns=_name)
    describe(axes.figure, f"{title} ({text})" if text else title, numbers)
    axes.figure.supxlabel(
        fill(text, CAPTION_WIDTH),
        x=0.01,
        ha="left",
        fontsize=CAPTION_SIZE,
        color=TEXT_GREY,
    )
    return axes
