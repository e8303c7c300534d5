"""Quantities: which numbers are refused, and how people read the others."""

from math import floor, isclose, isfinite, log10
from typing import NamedTuple

from workshop.errors import WorkshopError

UNITS = {"s": 1, "ms": 1e3, "µs": 1e6}
LARGE = 999
NORMAL_95 = 1.96  # standard deviations to either side that hold 95%


def digits(number: float) -> str:
    """Return 3 significant digits, and all of those before the point."""
    whole = abs(number) >= LARGE
    return f"{number:,.0f}" if whole else f"{number:#.3g}".rstrip(".")


def duration(seconds: float) -> str:
    """Return a time in seconds, milliseconds or microseconds."""
    unit = next((unit for unit in UNITS if seconds * UNITS[unit] >= 1), "µs")
    return f"{digits(seconds * UNITS[unit])} {unit}"


def carried(number: float, low: float, high: float) -> str:
    """Return a number to the last digit that its interval carries, no further.

    One step of that digit is at most half the interval's width, and more than a
    twentieth of it: 6.3172 in 6.07 to 6.52 is '6.3'. Without a width it is 'digits'.
    Raises WorkshopError where an end is no number or the ends are turned round.
    """
    if not (isfinite(low) and isfinite(high) and low <= high):
        raise WorkshopError(
            f"An interval from {low} to {high} carries no digit: give two numbers, the "
            "lower one first."
        )
    if isclose(low, high):
        return digits(number)
    places = -floor(log10((high - low) / 2))
    return f"{round(number, places) + 0.0:,.{max(0, places)}f}"


class Spread(NamedTuple):
    """A number and the ends of its interval."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, middle: float, *others: float) -> "Spread":
        """Return the number with the least and the largest of all as its ends."""
        return cls(middle, min(middle, *others), max(middle, *others))

    def __str__(self) -> str:
        """Return the number and its ends, to the last digit that they carry."""
        if isclose(self.low, self.high):
            return digits(self.middle)
        middle, low, high = (carried(each, self.low, self.high) for each in self)
        return f"{middle} ({low} to {high})"


def speedup_percent(slow: float, fast: float) -> float:
    """Return by how many per cent fast is faster: 100 x (slow / fast - 1)."""
    check_positive(slow=slow, fast=fast)
    return 100 * (slow / fast - 1)


def time_saved_percent(slow: float, fast: float) -> float:
    """Return how many per cent less fast takes, or costs: 100 x (1 - fast / slow)."""
    check_positive(slow=slow, fast=fast)
    return 100 * (1 - fast / slow)


def check(**values: float) -> None:
    """Raise WorkshopError naming the first value that is below 0 or no number."""
    for name, value in values.items():
        if not (isfinite(value) and value >= 0):
            raise WorkshopError(f"{name} is {value}: give a number of 0 or more.")


def check_positive(**values: float) -> None:
    """Raise WorkshopError naming the first value that is not above 0."""
    check(**values)
    for name, value in values.items():
        if value == 0:
            raise WorkshopError(f"{name} is 0: give a number above 0.")
