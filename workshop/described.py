"""What a figure says to who cannot see it: its words, and its numbers as a table."""

from typing import NamedTuple

import pandas as pd
from IPython.core.getipython import get_ipython
from IPython.display import HTML, display
from matplotlib.figure import Figure

DIGITS = 3  # significant ones, as everywhere in the course


class Described(NamedTuple):
    """A figure in words, and the numbers that it draws."""

    words: str
    table: pd.DataFrame


def describe(figure: Figure, words: str, table: pd.DataFrame) -> None:
    """Keep words and numbers with a figure; a notebook shows them, too.

    The words become the picture's alternative text, and the table folds out below it.
    """
    figure.described = Described(words, table)
    shell = get_ipython()
    if shell is None:
        return
    _alternative_text(shell.display_formatter.formatters["image/png"])

    def fold_out() -> None:
        shell.events.unregister("post_execute", fold_out)
        display(HTML(folded(figure.described)))

    shell.events.register("post_execute", fold_out)


def folded(described: Described) -> str:
    """Return the numbers as HTML that is closed until it is asked for."""
    table = described.table.to_html(border=0, float_format=f"{{:.{DIGITS}g}}".format)
    return f"<details><summary>The figure's numbers</summary>{table}</details>"


def _alternative_text(png) -> None:
    """Put a figure's words beside its picture, as `alt` in the output's metadata."""
    draw = png.lookup_by_type(Figure)
    if hasattr(draw, "with_words"):
        return

    def picture(figure: Figure):
        drawn = draw(figure)
        data, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        described = getattr(figure, "described", None)
        words = {"alt": described.words} if described else {}
        return data, {**metadata, **words}

    picture.with_words = True
    png.for_type(Figure, picture)
