"""The taxi rides as a table: read, cleaned, and split by time."""

import zlib
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from workshop.errors import WorkshopError
from workshop.paths import DATA

RIDES = DATA / "rides.csv.gz"
ZONES = ["pickup_zone", "dropoff_zone"]
FEATURES = ["distance_miles", *ZONES, "hour", "weekday", "passengers"]
AFTER_RIDE = ["distance_miles", "duration_min"]
TARGET = "fare_usd"
UNITS = {
    "distance_miles": "mile",
    "hour": "0 to 23, New York time",
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
        rides = pd.read_csv(path, dtype={zone: "str" for zone in ZONES})
        for time in times:
            rides[time] = pd.to_datetime(rides[time], format="ISO8601")
    except (OSError, EOFError, KeyError, ValueError, zlib.error) as error:
        raise WorkshopError(
            f"The rides cannot be read from {path.name}: {error}. Fetch the file again "
            "(git checkout data/rides.csv.gz), or make it: python -m workshop rides"
        ) from error
    return rides


def clean(rides: pd.DataFrame) -> pd.DataFrame:
    """The ordinary rides, in the model's columns and types."""
    start = rides["tpep_pickup_datetime"]
    table = rides[["pickup_zone", "dropoff_zone"]].assign(
        distance_miles=rides["trip_distance"].astype("float32"),
        hour=start.dt.hour.astype("int64"),
        weekday=start.dt.weekday.astype("int64"),
        passengers=rides["passenger_count"],
        fare_usd=rides["fare_amount"],
        pickup_time=start,
        duration_min=(rides["tpep_dropoff_datetime"] - start).dt.total_seconds() / 60,
    )
    speed_mph = table["distance_miles"] / table["duration_min"] * 60
    usual = table["fare_usd"].between(2.5, 200) & table["duration_min"].between(
        0.5, 180
    )
    moved = (table["distance_miles"] > 0) & (speed_mph < 80)
    return table[usual & moved & (rides["RateCodeID"] == 1)]


def split_by_time(rides: pd.DataFrame) -> Split:
    """The cleaned rides of 1-24 January to learn from, those of 25-31 to test with."""
    later = rides["pickup_time"] >= FIRST_TEST_DAY
    return Split(train=rides[~later], test=rides[later])
