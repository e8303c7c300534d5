"""A month of requests one by one: what is billed where they overlap, by simulation."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf

import numpy as np

from workshop.cost import Rules, round_up
from workshop.month import FLAT, HOUR_S, Month
from workshop.prices import CloudRun
from workshop.quantities import NORMAL_95, Spread
from workshop.workload import Workload, instances

MINUTE_S = 60


@dataclass(frozen=True)
class Simulated:
    """A month as it came: its requests, the active seconds billed, and cold starts.

    active_s has the 95% interval of its expectation, from how minutes of one hour vary.
    """

    requests: int
    active_s: Spread
    starts: int


def simulate(
    work: Workload,
    prices: CloudRun,
    rules: Rules,
    month: Month = FLAT,
    seed: int = 0,
) -> Simulated:
    """Return one month of Poisson arrivals at the rates of the month.

    Each request goes to one of the instances by chance and holds it for held_s. It
    finds no instance where no other came for as long as an idle one lives. 15 million
    take seconds.
    """
    rng = np.random.default_rng(seed)
    held_s = work.held_s
    if rules.rounding == "request" or (rules.rounding != "none" and not rules.overlap):
        held_s = round_up(held_s, prices.billing_step_s)
    counts = instances(work, prices, month, overlap=rules.overlap).astype(int)
    busy = [_Instance(rules, prices.billing_step_s) for _ in range(counts.max())]
    requests = starts = 0
    last, variance = -inf, 0.0
    for at, slot, piece_s in _arrivals(work, month, rng):
        requests += len(at)
        starts += int((np.diff(at, prepend=last) > prices.idle_minutes * 60).sum())
        last = (at[-1] if len(at) else last) - piece_s
        which = rng.integers(counts[slot], size=len(at)) if len(busy) > 1 else None
        billed = np.zeros(ceil(piece_s / MINUTE_S))
        for number, instance in enumerate(busy):
            mine = slice(None) if which is None else which == number
            billed += instance.take(at[mine], held_s, len(billed))
            instance.shift(piece_s)
        variance += billed.var() * len(billed)
    active_s = sum(instance.billed_s for instance in busy)
    off_s = NORMAL_95 * float(variance) ** 0.5
    spread = Spread(active_s, active_s - off_s, active_s + off_s)
    return Simulated(requests, spread, starts)


def _arrivals(
    work: Workload, month: Month, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, int, float]]:
    """Yield the arrivals of an hour or less from its beginning, its slot and length."""
    pieces = ceil(month.slot_s / HOUR_S)  # so that memory stays small
    piece_s = month.slot_s / pieces
    for slot, per_s in enumerate(month.per_s(work.requests)):
        for _ in range(pieces):
            gaps = rng.standard_exponential(rng.poisson(per_s * piece_s) + 1)
            at = np.cumsum(gaps)  # over their sum: uniform numbers in their order
            yield at[:-1] * (piece_s / at[-1]), slot, piece_s


class _Instance:
    """One instance: the busy interval it is in, and the seconds billed before it."""

    def __init__(self, rules: Rules, step_s: float) -> None:
        self.rules, self.step_s = rules, step_s
        self.opened = self.until = -1.0
        self.closed_s = 0.0

    def take(self, at: np.ndarray, held_s: float, minutes: int) -> np.ndarray:
        """Return the seconds billed by the minute in which they began: (minutes,).

        Rounding up bills no instance for more than all of the time.
        """
        until = at + held_s
        if self.rules.overlap:
            opened = np.concatenate([[self.opened], at])
            until = np.concatenate([[self.until], until])  # in order, as all hold alike
            first = np.flatnonzero(np.append(True, opened[1:] > until[:-1]))
            at, until = opened[first], until[np.append(first[1:], len(opened)) - 1]
            self.opened, self.until = at[-1], until[-1]
            at, until = at[:-1], until[:-1]
        lasts_s = self._rounded(until - at)
        most_s = max(minutes * MINUTE_S, (until - at).sum())
        if self.rules.overlap and lasts_s.sum() > most_s:
            lasts_s = lasts_s * (most_s / lasts_s.sum())
        self.closed_s += lasts_s.sum()
        minute = np.maximum(0, at // MINUTE_S).astype(int)
        return np.bincount(minute, lasts_s, minlength=minutes)

    def shift(self, seconds: float) -> None:
        """Count time from so many seconds later on."""
        self.opened -= seconds
        self.until -= seconds

    @property
    def billed_s(self) -> float:
        """All that was billed, with the interval that is still open."""
        return float(self.closed_s + self._rounded(self.until - self.opened))

    def _rounded(self, lasts_s: np.ndarray | float) -> np.ndarray | float:
        if self.rules.rounding == "busy interval":
            return round_up(lasts_s, self.step_s)
        return lasts_s
