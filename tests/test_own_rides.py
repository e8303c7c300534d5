"""The reader's own rides: which files and times are read, and what is said of others.

Parquet is tried where pyarrow is installed: .ci/run does so before the other tests.
"""

import gzip
import sys
import warnings
from decimal import Decimal

import pandas as pd
import pytest

from workshop import own_rides, rides
from workshop.errors import WorkshopError

HEADER = ",".join(own_rides.COLUMNS)
RIDE = "2024-02-13 08:05:00,2024-02-13 08:20:00,1-west,132,2.5,1,1,11.5"
ZONE = "America/New_York"


@pytest.fixture
def csv(tmp_path):
    """A function that writes lines of CSV and gives their path."""

    def write(*lines, name="mine.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def parquet(tmp_path):
    """A function that writes columns as Parquet, of Arrow types where it is told."""
    pa = pytest.importorskip("pyarrow")
    write_table = pytest.importorskip("pyarrow.parquet").write_table

    def write(columns, **types):
        arrays = {n: pa.array(v, types.get(n)) for n, v in columns.items()}
        write_table(pa.table(arrays), tmp_path / "mine.parquet")
        return tmp_path / "mine.parquet"

    write.types = pa
    return write


def ride(**changes):
    """A line of CSV: the ride with some of its values changed."""
    values = dict(zip(own_rides.COLUMNS, RIDE.split(","), strict=True))
    return ",".join((values | changes).values())


def timed(start, end):
    return ride(tpep_pickup_datetime=start, tpep_dropoff_datetime=end)


def minutes(table):
    took = table["tpep_dropoff_datetime"] - table["tpep_pickup_datetime"]
    return (took.dt.total_seconds() / 60).tolist()


# What is read


def test_the_courses_own_file_is_read_as_the_course_reads_it():
    got, raw = own_rides.read(rides.RIDES), rides.read_rides()
    expected = raw[list(own_rides.COLUMNS)]
    pd.testing.assert_frame_equal(got, expected, check_exact=True)
    cleaned = rides.clean(got)
    pd.testing.assert_frame_equal(cleaned, rides.clean(raw), check_exact=True)


def test_a_file_of_another_layout_is_read_by_the_names_of_its_columns(csv):
    names = ["start", "end", "from", "to", "miles", "people", "rate", "price"]
    path = csv(",".join([*names, "fare_amount"]), RIDE + ",99")
    ours = dict(zip(names, own_rides.COLUMNS, strict=True))
    got = own_rides.read(str(path), names=ours)
    pd.testing.assert_frame_equal(got, own_rides.read(csv(HEADER, RIDE)))


def test_the_ending_may_be_in_capitals_and_the_text_compressed(csv):
    path = csv(HEADER, RIDE, name="MINE.CSV")
    packed = path.with_name("MINE.CSV.GZ")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    pd.testing.assert_frame_equal(own_rides.read(path), own_rides.read(packed))


def test_a_byte_order_mark_and_blank_lines_do_no_harm(csv):
    got = own_rides.read(csv("\ufeff" + HEADER, "", RIDE, ""))
    assert len(got) == 1


def test_what_clean_makes_of_them_has_the_types_of_the_model(csv):
    got = rides.clean(own_rides.read(csv(HEADER, ride(fare_amount="12"))))
    expected = rides.clean(rides.read_rides())
    assert got.dtypes.to_dict() == expected.dtypes.to_dict()
    assert got.columns.tolist() == expected.columns.tolist()
    assert got[rides.FEATURES].iloc[0].tolist() == [2.5, "1-west", "132", 8, 1, 1]


def test_zones_that_are_numbers_are_text_in_one_spelling(csv):
    lines = [
        ride(pickup_zone=zone) for zone in ("132", "132.0", "007", "5.0-b", "b-5.0")
    ]
    zones = own_rides.read(csv(HEADER, *lines))["pickup_zone"]
    assert zones.tolist() == ["132", "132", "007", "5.0-b", "b-5.0"]


TAXI = {
    "VendorID": [2, 1],
    "passenger_count": [1.0, 2.0],
    "trip_distance": [2.5, 3.0],
    "store_and_fwd_flag": ["N", None],
    "PULocationID": [132, 264],
    "DOLocationID": [7, 7],
    "payment_type": [1, 2],
    "fare_amount": [11.5, 14.0],
}
START = [pd.Timestamp("2024-02-13 08:05"), pd.Timestamp("2024-02-13 23:50")]
END = [pd.Timestamp("2024-02-13 08:20"), pd.Timestamp("2024-02-14 00:10")]
YELLOW = {"tpep_pickup_datetime": START, "tpep_dropoff_datetime": END, **TAXI}
GREEN = {"lpep_pickup_datetime": START, "lpep_dropoff_datetime": END, **TAXI}
FHVHV = {
    "hvfhs_license_num": ["HV0003", "HV0005"],
    "request_datetime": [pd.Timestamp("2024-02-13 08:00")] * 2,
    "pickup_datetime": START,
    "dropoff_datetime": END,
    "PULocationID": [132, 264],
    "DOLocationID": [7, 7],
    "trip_miles": [2.5, 3.0],
    "trip_time": [900, 1200],
    "base_passenger_fare": [11.5, 14.0],
}
RATE = {"RatecodeID": [1.0, 1.0]}


@pytest.mark.parametrize(
    "columns",
    [
        {**YELLOW, **RATE, "Airport_fee": [0.0, 1.75]},
        {**YELLOW, **RATE, "airport_fee": [None, 0.0]},
        {**YELLOW, "RateCodeID": [1, 1], "cbd_congestion_fee": [0.75, 0.0]},
        {**GREEN, **RATE, "ehail_fee": [None, None], "trip_type": [1.0, 2.0]},
        {**YELLOW, **RATE, "pulocationid": [132, 264]},
        {**YELLOW, **RATE, "fare_amount": [11, 14]},
    ],
    ids=[
        "yellow",
        "yellow of old",
        "yellow of 2025",
        "green",
        "two spellings",
        "whole",
    ],
)
def test_parquet_of_yellow_and_green_taxis_is_read(parquet, columns):
    got = own_rides.read(parquet(columns))
    assert got.dtypes.astype(str).tolist() == [
        *("datetime64[us]", "datetime64[us]", "str", "str"),
        *("float64", "int64", "int64", "float64"),
    ]
    assert got["pickup_zone"].tolist() == ["132", "264"]
    assert got["dropoff_zone"].tolist() == ["7", "7"]
    assert got["passenger_count"].tolist() == [1, 2]
    assert minutes(got) == [15, 20]
    assert rides.clean(got)["hour"].tolist() == [8, 23]


def test_parquet_of_uber_and_lyft_counts_one_passenger_and_says_so(parquet):
    with pytest.warns(UserWarning, match=r"mine.parquet: no passenger_count, so 1 in"):
        got = own_rides.read(parquet(FHVHV))
    assert got["trip_distance"].tolist() == [2.5, 3.0]
    assert got["fare_amount"].tolist() == [11.5, 14.0]
    assert got["passenger_count"].tolist() == got["RateCodeID"].tolist() == [1, 1]
    assert got["passenger_count"].dtype == "int64"
    assert rides.clean(got)["pickup_time"].tolist() == START


def test_of_parquet_only_the_needed_columns_are_read(parquet, monkeypatch):
    path = parquet({**YELLOW, **RATE})
    asked = []
    plain = own_rides.plain
    monkeypatch.setattr(own_rides, "plain", lambda f: asked.extend(f) or plain(f))
    own_rides.read(path)
    assert len(asked) == len(own_rides.COLUMNS) - len(own_rides.TIMES)
    assert "VendorID" not in asked


def test_parquet_may_hold_decimals_categories_and_times_of_any_kind(parquet):
    pa = parquet.types
    columns = {**YELLOW, **RATE, "fare_amount": [Decimal("11.50"), Decimal("14.00")]}
    columns["pickup_zone"] = pa.array(["a", "b"]).dictionary_encode()
    columns["tpep_pickup_datetime"] = [t.tz_localize(ZONE) for t in START]
    path = parquet(
        columns,
        tpep_pickup_datetime=pa.timestamp("ms", "Asia/Tokyo"),
        tpep_dropoff_datetime=pa.timestamp("ns"),
    )
    got = own_rides.read(path.rename(path.with_suffix(".PARQUET")))
    assert got["fare_amount"].tolist() == [11.5, 14.0]
    assert got["pickup_zone"].tolist() == ["a", "b"]
    assert got["tpep_pickup_datetime"].tolist() == START
    assert (got[own_rides.TIMES].dtypes == "datetime64[us]").all()
    assert minutes(got) == [15, 20]


def test_parquet_of_a_frame_may_keep_a_column_in_its_index(parquet):
    path = parquet(YELLOW)
    frame = pd.DataFrame({**YELLOW, **RATE})
    frame.set_index("tpep_pickup_datetime").to_parquet(path)
    assert own_rides.read(path)["tpep_pickup_datetime"].tolist() == START


# Times


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-02-13 08:05:00", "2024-02-13 08:20:00"),
        ("2024-02-13T08:05:00.000", "2024-02-13 08:20"),
        ("2024-02-13T13:05:00Z", "2024-02-13 08:20:00.0"),
        ("2024-02-13 08:05:00-05:00", "2024-02-13T14:20:00+01"),
        ("2024-02-13 18:35:00 +0530", "2024-02-13 13:20:00.000000 Z"),
    ],
)
def test_every_form_of_iso_time_is_read_also_mixed(csv, start, end):
    got = own_rides.read(csv(HEADER, timed(start, end), RIDE, timed(start, end)))
    assert got["tpep_pickup_datetime"].tolist() == [START[0]] * 3
    assert minutes(got) == [15, 15, 15]


def test_fractions_of_a_second_count(csv):
    line = timed("2024-01-01 00:00:00", "2024-01-01 00:01:00.123")
    assert minutes(own_rides.read(csv(HEADER, line))) == [60.123 / 60]


@pytest.mark.parametrize(
    "time",
    [
        "13/02/2024 08:05:00",
        "02/03/2024 08:05:00",
        "02-03-2024 08:05:00",
        "20240213T080500",
        "2024-02-30 08:05:00",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59",
        "1899-12-31 23:59:59",
        "2200-01-01 00:00:00",
        "2024-02-13",
        "2024-02-13 8:05",
        "2024-02-13 24:00:00",
        "2024-02-13 08:05:00 EST",
        "1707811500",
        "soon",
    ],
)
@pytest.mark.parametrize("column", own_rides.TIMES)
def test_a_time_that_needs_a_guess_is_refused(csv, time, column):
    path = csv(HEADER, RIDE, ride(**{column: time}), ride(**{column: time}))
    with pytest.raises(WorkshopError) as caught:
        own_rides.read(path)
    said = str(caught.value)
    assert said.startswith(f"mine.csv: Column '{column}', row 1 (from 0): '{time}'")
    assert "2024-02-13 08:05:00, year first" in said
    assert "pandas.to_datetime" in said
    assert said.endswith("Of 3 values 2 are so.")


NEVER = pd.Timestamp("9999-12-31 23:59:59")


@pytest.mark.parametrize(
    "times",
    [[1707811500, 0], [True, False], [NEVER, NEVER], [NEVER.tz_localize("UTC")] * 2],
)
def test_numbers_and_never_are_no_times(parquet, times):
    path = parquet({**YELLOW, **RATE, "tpep_pickup_datetime": times})
    with pytest.raises(WorkshopError, match=r"row 0 .* is not a time .* unit a number"):
        own_rides.read(path)


AUTUMN, SPRING = "2025-11-02", "2025-03-09"


@pytest.mark.parametrize(
    ("day", "times", "took", "shown"),
    [
        ("1900-01-01", ["00:00", "00:10"], 10, "00:00"),
        ("2199-12-31", ["23:00", "23:59"], 59, "23:00"),
        (AUTUMN, ["00:50", "01:20"], 30, "00:50"),
        (AUTUMN, ["01:10", "01:30"], 20, "01:10"),
        (AUTUMN, ["01:50", "01:10"], 20, "01:50"),  # the second pass is the drop-off's
        (AUTUMN, ["01:40", "02:10"], 90, "01:40"),  # or 30: the clock does not tell
        (AUTUMN, ["01:40-05:00", "02:10"], 30, "01:40"),
        (AUTUMN, ["03:10", "01:30"], -100, "03:10"),
        (AUTUMN, ["00:50", "02:10"], 140, "00:50"),
        (AUTUMN, ["01:50", "00:40"], -70, "01:50"),  # dirt stays dirt, for clean
        (AUTUMN, ["03:10", "03:00"], -10, "03:10"),
        (AUTUMN, ["05:50Z", "06:10Z"], 20, "01:50"),
        (AUTUMN, ["01:50-04:00", "01:55-05:00"], 65, "01:50"),
        (AUTUMN, ["05:50Z", "01:30"], 40, "01:50"),
        (AUTUMN, ["06:30Z", "01:30"], 0, "01:30"),
        (SPRING, ["01:50", "03:10"], 20, "01:50"),
        (SPRING, ["03:10", "03:20"], 10, "03:10"),
        (SPRING, ["02:30-05:00", "02:40-05:00"], 10, "03:30"),
    ],
)
def test_on_nights_of_two_clocks_a_ride_takes_as_long_as_it_took(
    csv, day, times, took, shown
):
    path = csv(HEADER, RIDE, timed(*[f"{day} {time}" for time in times]))
    got = own_rides.read(path)
    assert minutes(got) == [15, took]
    assert str(got["tpep_pickup_datetime"].iloc[1]) == f"{day} {shown}:00"


@pytest.mark.parametrize(
    ("start", "end", "column"),
    [
        ("02:10", "03:10", "tpep_pickup_datetime"),
        ("01:50", "02:59", "tpep_dropoff_datetime"),
    ],
)
def test_an_hour_that_never_was_is_counted_and_left_out(csv, start, end, column):
    path = csv(HEADER, timed(f"{SPRING} {start}", f"{SPRING} {end}"), RIDE)
    said = rf"1 of 2 rides left out, .*no such hour in {column} 1$"
    with pytest.warns(UserWarning, match=said) as caught:
        got = own_rides.read(path)
    assert len(caught) == 1
    assert got.index.tolist() == [1]


def test_the_zone_says_whose_clock_it_is(csv):
    path = csv(HEADER, timed("2024-03-31 01:50", "2024-03-31 03:10"))
    assert minutes(own_rides.read(path)) == [80]
    assert minutes(own_rides.read(path, zone="Europe/Paris")) == [20]
    path = csv(HEADER, timed("2024-03-31 01:50Z", "2024-03-31 02:10Z"))
    paris = own_rides.read(path, zone="Europe/Paris")
    assert str(paris["tpep_pickup_datetime"][0]) == "2024-03-31 03:50:00"


@pytest.mark.parametrize("zone", ["America/NewYork", "America", "", "../x"])
def test_a_zone_that_is_none_is_refused(csv, zone):
    with pytest.raises(WorkshopError, match=rf"no time zone '{zone}'"):
        own_rides.read(csv(HEADER, RIDE), zone=zone)


# Gaps


@pytest.mark.parametrize("nothing", ["", "NULL", "nan"])
@pytest.mark.parametrize("column", own_rides.COLUMNS)
def test_a_ride_that_lacks_a_value_is_counted_and_left_out(csv, column, nothing):
    path = csv(HEADER, ride(**{column: nothing}), RIDE)
    said = rf"^mine.csv: 1 of 2 rides left out, .*in {column} 1$"
    with pytest.warns(UserWarning, match=said):
        got = own_rides.read(path)
    pd.testing.assert_frame_equal(got, own_rides.read(csv(HEADER, RIDE, RIDE))[1:])


def test_gaps_of_parquet_are_counted_and_left_out(parquet):
    columns = {**YELLOW, **RATE, "tpep_pickup_datetime": [None, START[1]]}
    columns |= {"passenger_count": [None, 2], "PULocationID": [None, 264]}
    said = "tpep_pickup_datetime 1, pickup_zone 1, passenger_count 1$"
    with pytest.warns(UserWarning, match=said):
        got = own_rides.read(parquet(columns))
    assert got["pickup_zone"].tolist() == ["264"]
    assert got["passenger_count"].tolist() == [2]


def test_rides_without_passengers_or_rate_are_read_with_a_word(csv):
    path = csv(*(line.rsplit(",", 3)[0] + ",9" for line in (HEADER, RIDE)))
    names = {"9": "fare_amount"}
    said = r"mine.csv: no passenger_count, so 1 in each row; no RateCodeID, so 1 in"
    with pytest.warns(UserWarning, match=said) as caught:
        got = own_rides.read(path, names=names)
    assert caught[0].filename == __file__
    assert got["passenger_count"].tolist() == got["RateCodeID"].tolist() == [1]


def test_whole_files_are_read_without_a_word(csv):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        own_rides.read(csv(HEADER, RIDE))
    assert caught == []


def test_rides_that_all_lack_something_are_an_error(csv):
    path = csv(HEADER, ride(pickup_zone=""), ride(trip_distance=""))
    with pytest.raises(WorkshopError, match=r"2 of 2 .*pickup_zone 1, trip_distance 1"):
        own_rides.read(path)


# Columns and values


def test_a_missing_column_is_named_with_those_that_are_there(csv):
    path = csv(HEADER.replace("trip_distance", "km"), RIDE)
    said = r"mine.csv: No column is known as trip_distance\..*'km'.*names="
    with pytest.raises(WorkshopError, match=said):
        own_rides.read(path)


def test_two_columns_of_one_name_are_refused(csv):
    path = csv(HEADER + ",fare_amount", RIDE + ",9")
    with pytest.raises(WorkshopError, match="Two columns are called 'fare_amount'"):
        own_rides.read(path)


@pytest.mark.parametrize(
    "names",
    [
        {"price": "fare_amount"},
        {"fare_amount": "fare_usd"},
        {"fare_amount": "trip_distance", "trip_distance": "trip_distance"},
    ],
    ids=["not in the file", "not of ours", "one twice"],
)
def test_names_that_fit_nothing_are_refused(csv, names):
    with pytest.raises(WorkshopError, match=r"mine.csv: names= maps .*does not fit"):
        own_rides.read(csv(HEADER, RIDE), names=names)


@pytest.mark.parametrize(
    ("column", "value", "wanted"),
    [
        ("fare_amount", "$12", "a number"),
        ("trip_distance", "2 mi", "a number"),
        ("passenger_count", "two", "a number"),
        ("passenger_count", "1.5", "a whole number"),
        ("fare_amount", "inf", "a number"),
        ("trip_distance", "-1e999", "a number"),
        ("RateCodeID", "1e300", "a whole number"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_row(csv, column, value, wanted):
    path = csv(HEADER, RIDE, ride(**{column: value}))
    with pytest.raises(WorkshopError) as caught:
        own_rides.read(path)
    said = f"mine.csv: Column '{column}', row 1 (from 0): '{value}' is not {wanted}"
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("fare_amount", [True, False], "'fare_amount', row 0 .*True is not a number"),
        ("fare_amount", START, "'fare_amount', row 0 .*Timestamp.* is not a number"),
        ("PULocationID", [132.5, 1.0], "'PULocationID', row 0 .*132.5 is not a whole"),
        ("fare_amount", [[1.0], [2.0]], "mine.parquet: Column 'fare_amount'.*ndarray"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(parquet, column, values, said):
    with pytest.raises(WorkshopError, match=said):
        own_rides.read(parquet({**YELLOW, **RATE, column: values}))


# Files


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"", "holds nothing, where its name says text"),
        ("a.csv", b"\xef\xbb\xbf\r\n", "holds nothing"),
        ("a.csv", b"\n<!DOCTYPE html>", "holds a web page"),
        ("a.parquet", b"<html>", "holds a web page, where its name says Parquet"),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        ("a.parquet", HEADER.encode(), "holds text, where"),
        ("a.csv.gz", HEADER.encode(), "holds text, where its name says gzip"),
        ("a.csv", gzip.compress(HEADER.encode()), "holds gzip, where"),
        ("a.csv", b"PAR1....PAR1", "holds Parquet, where"),
        ("a.csv", b"PK\3\4", "holds a zip archive or a workbook"),
        ("a.xlsx", b"PK\3\4", r"has to end in one of \.csv, \.csv\.gz, \.parquet"),
        ("a.csv", f"{HEADER}\n".encode(), "no ride in them"),
        ("a.csv", f"{HEADER}\n{RIDE},9,9".encode(), "cannot be read: .*Expected 8"),
        ("a.csv", f'{HEADER}\n"{RIDE}'.encode(), "cannot be read: .*EOF inside"),
        ("a.csv", HEADER.encode("utf-16"), "cannot be read: .*UTF-8"),
        ("a.csv.gz", gzip.compress(RIDE.encode())[:-9], "cannot be read: .*again"),
        ("a.csv.gz", b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 50, "cannot be read"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(WorkshopError, match=rf"(?s)^{name}: .*{said}"):
        own_rides.read(path)


def test_a_path_without_a_file_is_refused(tmp_path):
    with pytest.raises(WorkshopError, match=r"none\.csv: .*No such file"):
        own_rides.read(tmp_path / "none.csv")


def test_parquet_that_is_cut_off_or_empty_is_refused(parquet):
    path = parquet({**YELLOW, **RATE})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(WorkshopError, match=r"mine.parquet: The file cannot be read"):
        own_rides.read(path)
    empty = {name: values[:0] for name, values in {**YELLOW, **RATE}.items()}
    with pytest.raises(WorkshopError, match=r"mine.parquet: .*no ride in them"):
        own_rides.read(parquet(empty))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1....PAR1")
    with pytest.raises(WorkshopError, match=r"a\.parquet: .*pip install pyarrow$"):
        own_rides.read(path)
