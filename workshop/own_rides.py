"""Reads rides that the reader brings along, as the course's own table is read.

Knows the columns of the course's table and of the TLC's yellow, green and fhvhv files,
in any case of letters; all others are ignored. A file without passengers or rate code,
as fhvhv is, gets 1 in each row. A ride that lacks a value, or has a time in the hour
that the clock skips, is left out. Neither is silent. A value that is there and cannot
be read is an error. How times are read stands in `clocks`.
"""

import warnings
import zlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pandas as pd

from workshop import clocks
from workshop.errors import WorkshopError
from workshop.plain import plain

# The course's names, and what the TLC calls the same thing in its other files.
COLUMNS = {
    "tpep_pickup_datetime": ("lpep_pickup_datetime", "pickup_datetime"),
    "tpep_dropoff_datetime": ("lpep_dropoff_datetime", "dropoff_datetime"),
    "pickup_zone": ("PULocationID",),
    "dropoff_zone": ("DOLocationID",),
    "trip_distance": ("trip_miles",),
    "passenger_count": (),
    "RateCodeID": (),
    "fare_amount": ("base_passenger_fare",),
}
TIMES = ["tpep_pickup_datetime", "tpep_dropoff_datetime"]
ZONES = ["pickup_zone", "dropoff_zone"]
NUMBERS = ["trip_distance", "fare_amount"]
WHOLE = ["passenger_count", "RateCodeID"]
EXACT = 2**53  # float64 holds every whole number below
CONTENTS = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive or a workbook",
    b"version https://git-lfs": "a Git LFS pointer (git lfs pull gets the file)",
    b"<": "a web page",
}
UNREADABLE = (OSError, EOFError, ValueError, NotImplementedError, zlib.error)


def read(
    path: str | Path,
    *,
    names: Mapping[str, str] | None = None,
    zone: str = "America/New_York",
) -> pd.DataFrame:
    """The rides of a .csv, .csv.gz or .parquet file, as `rides.clean` takes them.

    `names` maps the columns of an unknown file to the keys of COLUMNS. Times without an
    offset are the clock of `zone`. The drop-off stands on the pick-up's clock: their
    difference is the duration. The index is the row in the file, from 0.
    A UserWarning counts the rides left out, and names a column that had to be filled.
    Raises WorkshopError with file, column, value and row for what cannot be read.
    """
    path = Path(path)
    try:
        columns = _load(path, dict(names or {}))
        rides, notes = _without_gaps(_typed(columns, zone))
    except WorkshopError as error:
        raise WorkshopError(f"{path.name}: {error}") from error
    notes += [f"no {name}, so 1 in each row" for name in WHOLE if name not in columns]
    if notes:
        warnings.warn(f"{path.name}: {'; '.join(notes)}", stacklevel=2)
    return rides.astype(dict.fromkeys(WHOLE, "int64"))


def _without_gaps(rides: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rides that have every value, and a note on how many have not."""
    whole = rides.dropna()
    lacking = rides.isna().sum().loc[lambda counts: counts > 0]
    counts = ", ".join(f"{name} {count:,}" for name, count in lacking.items())
    left_out = f"{len(rides) - len(whole):,} of {len(rides):,} rides"
    if whole.empty:
        raise WorkshopError(
            f"{left_out} lack a value ({counts}): none is left. Look at the file, or "
            "name other columns in names=."
        )
    note = f"{left_out} left out, with no value or no such hour in {counts}"
    return whole, [note] if counts else []


def _load(path: Path, names: dict[str, str]) -> dict[str, pd.Series]:
    """The columns that are needed, by the course's name, each still called its own."""
    try:
        _check_content(path)
        load = _load_parquet if path.suffix.lower() == ".parquet" else _load_csv
        columns = load(path, names)
    except UNREADABLE as error:
        raise WorkshopError(
            f"The file cannot be read: {str(error).strip()}. See that the path is "
            "right and a CSV is in UTF-8; if it is cut off or damaged, fetch it again."
        ) from error
    if not len(columns["fare_amount"]):
        raise WorkshopError("The file has columns, but no ride in them.")
    return columns


def _check_content(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t")
    kinds = {".csv": "text", ".csv.gz": "gzip", ".parquet": "Parquet"}
    name = path.name.lower()
    wanted = next((kinds[end] for end in kinds if name.endswith(end)), None)
    if wanted is None:
        raise WorkshopError(f"The name has to end in one of {', '.join(kinds)}.")
    found = (kind for start, kind in CONTENTS.items() if head.startswith(start))
    content = next(found, "text") if head else "nothing"
    if content != wanted:
        raise WorkshopError(
            f"The file holds {content}, where its name says {wanted}. Fetch it again, "
            "or give it the ending of what it holds."
        )


def _load_csv(path: Path, names: dict[str, str]) -> dict[str, pd.Series]:
    cells = pd.read_csv(path, header=None, dtype="str", encoding="utf-8")
    header = cells.iloc[0].tolist()
    rows = cells.iloc[1:].reset_index(drop=True)
    return {
        ours: rows[header.index(theirs)].rename(theirs)
        for ours, theirs in _choose(header, names).items()
    }


def _load_parquet(path: Path, names: dict[str, str]) -> dict[str, pd.Series]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise WorkshopError(
            "Parquet is read by pyarrow, which is not installed: pip install pyarrow"
        ) from error
    with parquet.ParquetFile(path) as file:
        chosen = _choose(file.schema_arrow.names, names)
        table = file.read(columns=sorted(set(chosen.values())))
    frame = table.to_pandas(ignore_metadata=True)
    times = frame.select_dtypes(["datetime", "datetimetz"])
    frame = plain(frame.drop(columns=list(times))).join(times)
    return {ours: frame[theirs] for ours, theirs in chosen.items()}


def _choose(header: list[str], names: dict[str, str]) -> dict[str, str]:
    """Which column of the file is which of the course's."""
    wrong = [*(set(names) - set(header)), *(set(names.values()) - set(COLUMNS))]
    if wrong or len(set(names.values())) < len(names):
        raise WorkshopError(
            f"names= maps columns of the file, {header}, to some of {list(COLUMNS)}, "
            f"each once; {wrong or names} does not fit."
        )
    chosen = {ours: theirs for theirs, ours in names.items()}
    for ours, others in COLUMNS.items():
        for spelling in (ours, *others):
            found = [n for n in header if str(n).casefold() == spelling.casefold()]
            if found:
                chosen.setdefault(ours, found[0])
    missing = [ours for ours in COLUMNS if ours not in chosen and ours not in WHOLE]
    if missing:
        raise WorkshopError(
            f"No column is known as {', '.join(missing)}. The file has {header}: say "
            f"which is which, as in names={{'your column': {missing[0]!r}}}."
        )
    twice = [theirs for theirs in chosen.values() if header.count(theirs) > 1]
    if twice:
        raise WorkshopError(f"Two columns are called {twice[0]!r}. Rename one.")
    return chosen


def _typed(columns: dict[str, pd.Series], zone: str) -> pd.DataFrame:
    """The columns in their types, whole numbers still float64, with gaps as NaN."""
    start, end = (_times(columns[name]) for name in TIMES)
    typed = dict(zip(TIMES, clocks.on_one_clock(start, end, zone), strict=True))
    typed |= {name: _labels(columns[name]) for name in ZONES}
    typed |= {name: _numbers(columns[name]) for name in NUMBERS}
    for name in WHOLE:
        typed[name] = _whole_numbers(columns[name]) if name in columns else 1.0
    return pd.DataFrame(typed)[list(COLUMNS)]


def _times(column: pd.Series) -> clocks.Times:
    times = clocks.parse(column)
    _refuse(
        column,
        times.shown.isna(),
        "a time such as 2024-02-13 08:05:00, year first, of 1900 to 2199 (which of "
        "02/03 is the month, or in which unit a number counts, is not guessed). Write "
        "the column so, with pandas.to_datetime and its format= or unit=",
    )
    return times


def _numbers(column: pd.Series) -> pd.Series:
    if pd.api.types.is_string_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    elif column.dtype.kind in "iuf":
        numbers = column.astype("float64")
    else:
        numbers = pd.Series(float("nan"), column.index)
    finite = numbers.abs() < float("inf")
    _refuse(column, ~finite, "a number such as 12.5. Correct it or leave it empty")
    return numbers


def _whole_numbers(column: pd.Series) -> pd.Series:
    numbers = _numbers(column)
    whole = (numbers % 1 == 0) & (numbers.abs() < EXACT)
    _refuse(column, ~whole, "a whole number. Correct it or leave it empty")
    return numbers


def _labels(column: pd.Series) -> pd.Series:
    """Text, also of zones that are numbers: 132 and 132.0 are '132'."""
    if pd.api.types.is_string_dtype(column):
        return column.str.replace(r"^(\d+)\.0$", r"\1", regex=True)
    codes, labels = pd.factorize(_whole_numbers(column))
    texts = pd.Series(labels).astype("int64").astype("str")
    return texts.reindex(codes).set_axis(column.index)  # the code of a gap is -1


def _refuse(column: pd.Series, unread: pd.Series, wanted: str) -> None:
    wrong = column[unread & column.notna()]
    if len(wrong):
        raise WorkshopError(
            f"Column {column.name!r}, row {wrong.index[0]} (from 0): "
            f"{wrong.tolist()[0]!r} is not {wanted}. Of {len(column):,} values "
            f"{len(wrong):,} are so."
        )
