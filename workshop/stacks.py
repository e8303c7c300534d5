"""Stacked bars: a part has one tint in every arm's colour, or is black in all."""

from collections.abc import Callable
from textwrap import fill

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.legend_handler import HandlerTuple
from matplotlib.patches import Patch

from workshop.arms import BLACK
from workshop.looks import look, write

TINTS = (0.35, 1.0, 0.65, 0.5, 0.2, 0.1)  # how much of an arm's colour a part gets
BLACK_PARTS = ("first prediction", "request fee")  # the same in every language
THIN = 0.02  # of the longest bar: a black part below it gets a mark


def stacked(table: pd.DataFrame, words: Callable[[float], str]) -> Axes:
    """Draw a bar a row, its columns stacked, with a legend in the bars' colours.

    words: what stands at a bar's end, by its whole length.
    """
    axes = plt.figure().subplots()
    tints = TINTS if table.shape[1] > 1 else (1.0,)

    def shade(colour: str, part: int) -> tuple[float, ...]:
        if table.columns[part] in BLACK_PARTS:
            return to_rgb(BLACK)
        return tuple(1 - tints[part] * (1 - light) for light in to_rgb(colour))

    longest = table.sum(axis=1).max()
    for y, (name, widths) in enumerate(table[::-1].iterrows()):
        its, left = look(str(name)), 0.0
        for part, width in enumerate(widths):
            axes.barh(y, width, left=left, color=shade(its.colour, part), height=0.6)
            if table.columns[part] in BLACK_PARTS and width < THIN * longest:
                axes.plot(left + width / 2, y + 0.4, "v", color=BLACK, ms=11)
            left += width
        write(axes, words(left), (left, y), (6, 0), va="center")
    labels = [fill(look(str(name)).label, 22) for name in table.index[::-1]]
    axes.set_yticks(range(len(table)), labels)
    axes.set_xlim(0, 1.2 * longest)
    axes.grid(axis="y", visible=False)
    if table.shape[1] > 1:
        colours = dict.fromkeys(look(str(name)).colour for name in table.index)
        patches = [
            tuple(Patch(color=shade(colour, part)) for colour in colours)
            for part in range(table.shape[1])
        ]
        axes.figure.legend(
            patches,
            table.columns,
            loc="outside right center",
            handler_map={tuple: HandlerTuple(ndivide=None, pad=0)},
        )
    return axes
