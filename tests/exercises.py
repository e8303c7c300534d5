"""Every exercise of the notebooks: what is tried in its place, and what it stands on.

A notebook's own cells are run up to the exercise, but only those that it needs: what
they define is looked up backwards from the names that stub, solution and check use.
"""

import re
import symtable
from collections.abc import Iterator
from typing import NamedTuple

import nbformat

from workshop import series
from workshop.paths import NOTEBOOKS

# By the cell with the stub: answers that are wrong, and plausible. The right one is
# cut out of the solution that folds out below.
WRONG = {
    "00-16": ["saved = 0.847", "saved = 551.7", "saved = 84.3  # by the means"],
    "01-21": [
        "without = errors['trees, before the ride']",
        "without = errors['line, before the ride']",
        "without = errors['trees, after the ride']",
    ],
    "02-23": [
        "zones = graph.graph.node[-1].attribute",
        "zones = list(graph.graph.node[3].attribute[0].strings)",
        "zones = ['OneHotEncoder']",
    ],
    "03-38": [
        "liar = test[FEATURES].head(1)",
        "liar = trials.threshold_rows(scaled_model, test[FEATURES].head(9), 9, seed=1)",
    ],
    "04-46": [
        "(fare_usd * 2.0).round() / 2.0",
        "fare_usd.ceil() / 2",  # does not compile: f32 has no `/ 2`
    ],
    "05-31": ["claim = ratios[1].ratio", "claim = floors[1]"],
    "06-31": ["late = 1 / 1500", "late = 1.0"],
    "07-stub": [
        "decoded = requests * 0.0120 * rates.usd_per_vcpu_s",
        "decoded = requests * 0.0120 * (rates.usd_per_vcpu_s + rates.usd_per_gib_s)"
        " + 15 * rates.usd_per_million_requests",
    ],
    "07-40": ["volume = 15e6", "volume = 1e13"],
}
# Cells that measure for long, and what stands in for them here.
INSTEAD = {
    "06-14": "requests_sent = bodies(rides, 1, 2000, seed=0)",
    "06-stall": "from workshop.load import open_loop, summary",
    "06-live": "",
    "05-18": "calls = versus.kind(results.recorded('timing'), what='call')",
    "07-11": "serving = results.recorded('serving')",
}
DETAILS = re.compile(r"(?s)<details><summary>Solution</summary>\n\n(.+)</details>")
BLOCK = re.compile(r"(?s)```(\w+)\n(.+?)```\n(.*)")


class Exercise(NamedTuple):
    """One exercise of one notebook, by the cells that it is made of."""

    book: str
    stub: nbformat.NotebookNode
    check: nbformat.NotebookNode
    below: nbformat.NotebookNode  # with the solution folded in
    before: list[nbformat.NotebookNode]  # the code cells above the stub

    @property
    def solution(self) -> str:
        """The code that folds out, without its fence."""
        return BLOCK.search(DETAILS.search(self.below.source).group(1)).group(2)

    @property
    def why(self) -> str:
        """What the solution says under its code."""
        return BLOCK.search(DETAILS.search(self.below.source).group(1)).group(3)


def exercises(name: str) -> Iterator[Exercise]:
    """Yield the exercises of a notebook, by the cells that call check_answer."""
    cells = nbformat.read(NOTEBOOKS / name, as_version=4).cells
    for at, cell in enumerate(cells):
        if cell.cell_type == "code" and "check_answer(" in cell.source:
            above = [c for c in cells[: at - 1] if c.cell_type == "code"]
            yield Exercise(name, cells[at - 1], cell, cells[at + 1], above)


def all_exercises() -> list[Exercise]:
    """Return the exercises of the half day, in order."""
    return [each for name in series.names() for each in exercises(name)]


def needed(exercise: Exercise, *sources: str) -> list[str]:
    """Return the sources of the cells above that these sources stand on, in order.

    What a cell assigns, imports or defines is looked up backwards; a cell that only
    changes what another one made is not seen.
    """
    wanted = set().union(*(_names(source)[0] for source in sources))
    found = []
    for cell in reversed(exercise.before):
        source = INSTEAD.get(cell.id, cell.source)
        used, made = _names(source)
        if made & wanted:
            wanted = wanted - made | used
            found.insert(0, source)
    return found


def _names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell takes from others, and those that it gives them."""
    top = symtable.symtable(source, "a cell", "exec")
    used = {
        symbol.get_name()
        for table in _scopes(top)
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (table is top or symbol.is_global())
    }
    symbols = top.get_symbols()
    made = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
    return used, made


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)
