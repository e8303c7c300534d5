"""A month of traffic has the shape of the rides, and all of its requests."""

import numpy as np
import pandas as pd
import pytest

from workshop.errors import WorkshopError
from workshop.month import FLAT, QUOTED, Month, flat, of_rides
from workshop.rides import read_rides


@pytest.fixture(scope="module")
def january():
    return of_rides(read_rides()["tpep_pickup_datetime"])


def test_the_months_of_the_facts():
    assert (FLAT.seconds, QUOTED.seconds, flat(31).seconds) == (
        2_592_000,
        2_628_000,
        2_678_400,
    )
    assert FLAT.per_s(15e6) == pytest.approx(5.79, abs=0.005)
    assert FLAT.peak == 1


def test_a_month_of_rides_has_rush_hours_weeks_and_the_storm(january):
    assert january.seconds == 31 * 86_400
    assert (january.per_s(15e6) * january.slot_s).sum() == pytest.approx(15e6)
    by_hour = pd.Series(january.shares, january.hours)
    days = by_hour.resample("D").sum()
    assert days.idxmin() == pd.Timestamp("2015-01-27")  # the snowstorm
    assert days["2015-01-27"] < 0.4 * days.median()
    assert days["2015-01-26"] < 0.6 * days.median()
    of_day = by_hour.groupby(by_hour.index.hour).mean()
    assert of_day.idxmin() in (4, 5) and of_day.idxmax() in (18, 19, 20)
    assert january.peak == pytest.approx(2.5, abs=0.01)


def test_a_month_has_all_its_hours_whatever_rides_there_are():
    one = pd.Series(pd.to_datetime(["2015-02-01 00:30", "2015-02-01 01:30"]))
    assert of_rides(one).shares[:3].tolist() == [0.5, 0.5, 0]
    assert of_rides(one).seconds == 28 * 86_400


def test_what_is_no_month_is_refused(january):
    with pytest.raises(WorkshopError, match="add up to 1"):
        Month(np.array([0.5, 0.6]), 3600)
    with pytest.raises(WorkshopError, match="add up to 1"):
        Month(np.array([1.5, -0.5]), 3600)
    with pytest.raises(WorkshopError, match="slot_s is 0"):
        Month(np.ones(1), 0)
    two = pd.Series(pd.to_datetime(["2015-01-31", "2015-02-01"]))
    with pytest.raises(WorkshopError, match="keep those of one calendar month"):
        of_rides(two)
    with pytest.raises(WorkshopError, match="has no date"):
        _ = FLAT.hours
    with pytest.raises(WorkshopError, match="requests is -1"):
        january.per_s(-1)
