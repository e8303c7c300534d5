"""A month of traffic: which share of its requests each of its hours has."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workshop.errors import WorkshopError
from workshop.quantities import check, check_positive

DAY_S, HOUR_S = 86_400, 3_600


@dataclass(frozen=True, eq=False)
class Month:
    """A month in slots of slot_s seconds; shares, one a slot, add up to 1."""

    shares: np.ndarray
    slot_s: float
    first: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        """Refuse what is no month."""
        check_positive(slot_s=self.slot_s)
        if not (np.all(self.shares >= 0) and np.isclose(np.sum(self.shares), 1)):
            raise WorkshopError(
                "The shares of a month's slots are 0 or more and add up to 1: divide "
                "the counts by their sum."
            )

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.shares) * self.slot_s

    def per_s(self, requests: float) -> np.ndarray:
        """Return each slot's mean requests a second, of so many in the month."""
        check(requests=requests)
        return requests * self.shares / self.slot_s

    @property
    def peak(self) -> float:
        """How many times the month's mean rate its busiest slot has."""
        return float(self.shares.max() * len(self.shares))

    @property
    def hours(self) -> pd.DatetimeIndex:
        """When each slot begins; raises WorkshopError for a month without a date."""
        if self.first is None:
            raise WorkshopError("This month has no date: make it with of_rides().")
        return pd.date_range(
            self.first, periods=len(self.shares), freq=pd.Timedelta(self.slot_s, "s")
        )


def flat(days: float = 30) -> Month:
    """Return a month in which every second is like every other."""
    return Month(np.ones(1), days * DAY_S)


FLAT = flat(30)  # 2,592,000 s, by which the post's traffic is counted
QUOTED = flat(730 / 24)  # 730 hours, by which always-on prices are quoted


def of_rides(pickup_times: pd.Series) -> Month:
    """Return the calendar month of the rides: hour by hour, as they were picked up.

    Its days, weeks, rush hours and storm are those of the city; an hour without a ride
    has no request. Raises WorkshopError where the rides do not lie in one month.
    """
    first = pickup_times.min().to_period("M").start_time
    if pickup_times.empty or pickup_times.max().to_period("M").start_time != first:
        raise WorkshopError(
            f"The rides go from {pickup_times.min()} to {pickup_times.max()}: keep "
            "those of one calendar month."
        )
    hours = first.days_in_month * DAY_S // HOUR_S
    hour = (pickup_times - first) // pd.Timedelta(HOUR_S, "s")
    counts = np.bincount(hour, minlength=hours)
    return Month(counts / counts.sum(), HOUR_S, first)
