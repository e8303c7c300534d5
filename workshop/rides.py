"""The taxi rides as a table: read, cleaned, and split by time."""

import zlib
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from workshop.errors import WorkshopError
from workshop.paths import DATA

RIDES = DATA / "rides.csv.gz"
ZONES = ["pickup_zone", "dropoff_zone"]
NUMBERS = ["distance_miles", "hour", "weekday", "passengers"]
FEATURES = ["distance_miles", *ZONES, "hour", "weekday", "passengers"]
AFTER_RIDE = ["distance_miles", "duration_min"]
TARGET = "fare_usd"
UNITS = {
    "distance_miles": "mile",
    "hour": "0 to 23, local time",
    "weekday": "0 is Monday",
    "passengers": "person",
}
FIRST_TEST_DAY = "2015-01-25"


class Split(NamedTuple):
    """The rides to learn from, and the later ones to be judged by."""

    train: pd.DataFrame
    test: pd.DataFrame


def read_rides(path: Path = RIDES) -> pd.DataFrame:
    """All 50,000 rides with their dirt; data/README.md explains the columns."""
    times = ["tpep_pickup_datetime", "tpep_dropoff_datetime"]
    try:
        rides = pd.read_csv(path, dtype=dict.fromkeys(ZONES, "str"))
        for time in times:
            rides[time] = pd.to_datetime(rides[time], format="ISO8601")
    except (OSError, EOFError, KeyError, ValueError, zlib.error) as error:
        raise WorkshopError(
            f"The rides cannot be read from {path.name}: {error}. Fetch the file again "
            "(git checkout data/rides.csv.gz), or make it: python -m workshop rides"
        ) from error
    return rides


def clean(rides: pd.DataFrame) -> pd.DataFrame:
    """The ordinary rides, in the columns and types of the model."""
    start, end = rides["tpep_pickup_datetime"], rides["tpep_dropoff_datetime"]
    table = rides[["pickup_zone", "dropoff_zone"]].assign(
        distance_miles=rides["trip_distance"].astype("float32"),
        hour=start.dt.hour.astype("int64"),
        weekday=start.dt.day_of_week.astype("int64"),
        passengers=rides["passenger_count"],
        fare_usd=rides["fare_amount"],
        pickup_time=start,
        duration_min=(end - start).dt.total_seconds() / 60,
    )
    ordinary = "2.5 <= fare_usd <= 200 and 0.5 <= duration_min <= 180"
    moving = "0 < distance_miles < 80 * duration_min / 60"  # at most 80 mph
    return table[rides["RateCodeID"] == 1].query(f"{ordinary} and {moving}")


def split_by_time(rides: pd.DataFrame) -> Split:
    """The cleaned rides of 1-24 January to learn from, those of 25-31 to test with."""
    later = rides["pickup_time"] >= FIRST_TEST_DAY
    return Split(train=rides[~later], test=rides[later])
