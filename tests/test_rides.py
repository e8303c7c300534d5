import pandas as pd
import pytest

from workshop import rides
from workshop.errors import WorkshopError

HEADER = "tpep_pickup_datetime,tpep_dropoff_datetime,pickup_zone,dropoff_zone\n"


@pytest.fixture(scope="module")
def raw():
    return rides.read_rides()


@pytest.fixture(scope="module")
def table(raw):
    return rides.clean(raw)


def test_all_rides_are_there_with_their_dirt(raw):
    assert len(raw) == 50_000
    assert (raw["fare_amount"] < 0).sum() == 16
    assert (raw["trip_distance"] == 0).sum() == 167
    assert raw["tpep_pickup_datetime"].is_monotonic_increasing


def test_there_are_24_zones_of_693_to_3022_pick_ups(raw):
    pick_ups = raw["pickup_zone"].value_counts()
    expected = {f"{b}-{s}" for b in range(1, 9) for s in ("west", "middle", "east")}
    assert set(pick_ups.index) == set(raw["dropoff_zone"]) == expected
    assert (pick_ups.min(), pick_ups.max()) == (693, 3022)


def test_cleaning_keeps_the_ordinary_rides(table):
    assert len(table) == 49_682
    assert table["fare_usd"].between(2.5, 200).all()
    assert table["duration_min"].between(0.5, 180).all()
    speed = table["distance_miles"] / table["duration_min"] * 60
    assert (speed < 80).all() and (table["distance_miles"] > 0).all()


def test_the_columns_have_the_types_of_the_model(table):
    dtypes = table[rides.FEATURES].dtypes.astype(str).tolist()
    assert dtypes == ["float32", "str", "str", "int64", "int64", "int64"]
    assert not set(rides.FEATURES) & {"duration_min", "pickup_time", rides.TARGET}
    assert set(rides.UNITS) <= set(rides.FEATURES)


def test_cleaning_leaves_the_raw_rides_alone(raw):
    before = raw.copy()
    rides.clean(raw)
    pd.testing.assert_frame_equal(raw, before)


def test_the_split_is_by_day_and_loses_nothing(table):
    train, test = rides.split_by_time(table)
    assert str(train["pickup_time"].max().date()) == "2015-01-24"
    assert str(test["pickup_time"].min().date()) == "2015-01-25"
    assert (len(train), len(test)) == (39_492, 10_190)


def damaged(tmp_path, change):
    path = tmp_path / "rides.csv.gz"
    path.write_bytes(change(rides.RIDES.read_bytes()))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-100],
        lambda data: b"",
        lambda data: b"<html>404</html>",
        lambda data: data[:5000] + b"\0" * 50 + data[5050:],
        lambda data: data[:10] + b"\xff" * 50 + data[60:],
    ],
    ids=["truncated", "empty", "a web page", "overwritten", "not deflated"],
)
def test_a_damaged_file_says_what_to_do(tmp_path, change):
    with pytest.raises(WorkshopError, match="python -m workshop rides"):
        rides.read_rides(damaged(tmp_path, change))


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(WorkshopError, match=r"none\.csv"):
        rides.read_rides(tmp_path / "none.csv")


def test_times_with_and_without_fractions_are_read(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(
        HEADER + "2024-01-01 00:00:00,2024-01-01 00:09:00,a,b\n"
        "2024-01-01 00:00:00.123,2024-01-01 00:09:00,a,b\n"
    )
    times = rides.read_rides(path)["tpep_pickup_datetime"]
    assert times.diff().iloc[1] == pd.Timedelta("123ms")


@pytest.mark.parametrize("day", ["13/02/2024", "02/03/2024"])
def test_a_day_first_date_is_an_error_not_a_guess(tmp_path, day):
    path = tmp_path / "one.csv"
    path.write_text(HEADER + f"{day} 00:00:00,{day} 00:09:00,a,b\n")
    with pytest.raises(WorkshopError, match=day):
        rides.read_rides(path)
