"""How sure a bill is: its inputs with their ranges, and what they make of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
import pandas as pd

from workshop.errors import WorkshopError
from workshop.quantities import NORMAL_95, Spread

MIDDLE_95 = (0.5, 0.025, 0.975)

Inputs = Mapping[str, "Input"]
Output = Callable[[dict], float]  # of one value an input, by its name


@dataclass(frozen=True)
class Measured:
    """A number above 0 with its 95% interval: as likely above its middle as below.

    Drawn log-normally, with the interval's width.
    """

    spread: Spread

    def __post_init__(self) -> None:
        """Refuse what has no logarithm, or no order."""
        _check_order(self.spread.low, self.spread.middle, self.spread.high)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return so many values, shape (count,)."""
        width = log(self.spread.high / self.spread.low) / (2 * NORMAL_95)
        return self.spread.middle * np.exp(width * rng.standard_normal(count))

    @property
    def values(self) -> tuple[float, ...]:
        """Its middle, low and high end."""
        return tuple(self.spread)


@dataclass(frozen=True)
class Assumed:
    """A number above 0 that is known to lie between two ends, and no more.

    Drawn log-uniformly: from 1 to 2 is as likely as from 2 to 4. Its middle is the
    ends' geometric mean, or what is given.
    """

    low: float
    high: float
    middle: float | None = None

    def __post_init__(self) -> None:
        """Refuse what has no logarithm, or no order."""
        _check_order(self.low, self.values[0], self.high)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return so many values, shape (count,)."""
        return np.exp(rng.uniform(log(self.low), log(self.high), count))

    @property
    def values(self) -> tuple[float, ...]:
        """Its middle, low and high end."""
        given = self.middle is not None
        middle = self.middle if given else sqrt(max(0, self.low * self.high))
        return middle, self.low, self.high


@dataclass(frozen=True)
class OneOf:
    """A choice that nobody has told us, each as likely; the first is its middle."""

    values: tuple

    def draw(self, rng: np.random.Generator, count: int) -> list:
        """Return so many of them."""
        return [self.values[at] for at in rng.integers(len(self.values), size=count)]


Input = Measured | Assumed | OneOf


def describe(inputs: Inputs) -> pd.DataFrame:
    """Return what is put in, a row an input: whether it was measured, and its range."""
    rows = {}
    for name, each in inputs.items():
        middle, *ends = each.values
        kind = "measured" if isinstance(each, Measured) else "assumed"
        rows[name] = (
            [kind, middle, *ends]
            if not isinstance(each, OneOf)
            else [*(kind, middle, " or ".join(map(str, ends)), "")]
        )
    columns = ["is", "middle", "low", "high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def months(
    inputs: Inputs, output: Output, *, draws: int = 1_000, seed: int = 0
) -> np.ndarray:
    """Return the output for so many months, each with inputs drawn anew: (draws,).

    The inputs are drawn independently of each other, by name, so that one more of them
    leaves the others' draws as they were.
    """
    drawn = {
        name: each.draw(np.random.default_rng([seed, *name.encode()]), draws)
        for name, each in inputs.items()
    }
    rows = zip(*drawn.values(), strict=True)
    return np.array([output(dict(zip(drawn, row, strict=True))) for row in rows])


def spread(found: np.ndarray) -> Spread:
    """Return the median of the months and the middle 95% of them."""
    return Spread(*(float(each) for each in np.quantile(found, MIDDLE_95)))


def tornado(inputs: Inputs, output: Output) -> pd.DataFrame:
    """Return how far the output goes as one input goes through its range, widest first.

    The others stay in their middle, where the output is `middle`.
    """
    middles = {name: each.values[0] for name, each in inputs.items()}
    middle = output(middles)
    rows = {}
    for name, each in inputs.items():
        found = [output({**middles, name: value}) for value in each.values]
        rows[name] = [min(found), middle, max(found)]
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.columns = ["low", "middle", "high"]
    width = (table["high"] - table["low"]).sort_values(ascending=False, kind="stable")
    return table.loc[width.index]


def _check_order(low: float, middle: float, high: float) -> None:
    if not 0 < low <= middle <= high < float("inf"):
        raise WorkshopError(
            f"A range from {low} over {middle} to {high} cannot be drawn from: give "
            "numbers above 0, in this order."
        )
