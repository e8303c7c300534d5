"""The rows that tell two ways to run a model apart."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier

from workshop.asking import Ask, sklearn_answers

TEXTS = ["", " ", "no such category", "nan", "None", "é日本🚲", "1-WEST", "x" * 1000]
FLOATS = [0.0, -0.0, -1.0, 1e-45, 1e-20, 16777217.0, 1e9, -1e9]
INTEGERS = [0, -1, 2**24 + 1, 2**31, 2**63 - 1, -(2**63)]
ODD = {"f": FLOATS, "i": INTEGERS, "b": [True, False], "O": TEXTS}
AS_THEY_ARE = "rows as they are"
HANDED_OVER = {  # the types in which pandas may hold the values of a column
    "f": ("float64", "Float32", "Float64"),
    "i": ("int32", "Int64", "float64"),
    "b": ("boolean", "object"),
    "O": ("object", "string", "category"),
}


class Trial(NamedTuple):
    """Rows, and how the candidate is asked with them."""

    rows: pd.DataFrame
    asked: pd.DataFrame | None = None  # the same rows in other types or order
    in_batches: bool = False


def trials(
    model: BaseEstimator,
    frame: pd.DataFrame,
    schema: Iterable[Mapping],
    *,
    n: int = 100,
    seed: int = 0,
) -> dict[str, Trial]:
    """What two ways to run the model are tried with, by what is hard about it.

    frame: rows as they come, the first trial. schema: of the model, where `missing`
    says in which columns a value may be. n: rows that are moved onto thresholds, in
    each column of numbers.
    """
    some = frame.head(20)
    missing = {entry["name"]: [np.nan] for entry in schema if entry["missing"]}
    gaps = _each(some, missing)
    found = {
        AS_THEY_ARE: Trial(frame),
        "on thresholds": Trial(all_thresholds(model, frame, n, seed=seed)),
        "odd values": Trial(hard_rows(frame)),
        "missing values": Trial(gaps),
        "missing values as None": Trial(gaps, _with_none(gaps)),
        "infinite values": Trial(_infinite(model, some.head(1))),
        "no row, one, three, many": Trial(frame.head(100), in_batches=True),
        "columns reversed": Trial(some, some[some.columns[::-1]]),
    }
    return found | _handed_over(some)


def threshold_rows(
    model: BaseEstimator,
    frame: pd.DataFrame,
    n: int,
    *,
    column: str = "distance_miles",
    seed: int,
) -> pd.DataFrame:
    """Rows on the thresholds of a model: the two numbers next to each, and one beyond.

    For up to n rows, the column is bisected between two of its values until no
    float32, or no integer, is left between an answer and another: whatever the trees,
    and whatever stands in front of them, scikit-learn changes its mind exactly there.
    """
    ask = _jumps(model)
    rows = frame[frame[column].notna()].sample(n, replace=True, random_state=seed)
    dtype = rows[column].dtype
    low = rows[column].to_numpy(np.float32 if dtype.kind == "f" else np.int64)
    high = np.random.default_rng(seed).permutation(low)

    def ask_with(values: np.ndarray) -> np.ndarray:
        return ask(rows.assign(**{column: values.astype(dtype)}))

    below = ask_with(low)
    differs = below != ask_with(high)
    rows, low, high, below = (each[differs] for each in (rows, low, high, below))
    middle = _between(low, high)
    while ((middle != low) & (middle != high)).any():
        same = ask_with(middle) == below
        low, high = np.where(same, middle, low), np.where(same, high, middle)
        middle = _between(low, high)
    values = [_next(low, away=high), low, high, _next(high, away=low)]
    there = [rows.assign(**{column: each.astype(dtype)}) for each in values]
    return pd.concat(there, ignore_index=True)


def all_thresholds(
    model: BaseEstimator, frame: pd.DataFrame, n: int, *, seed: int
) -> pd.DataFrame:
    """Rows on the thresholds in each column of numbers, for up to n rows in each.

    Numbers that are categories have none: scikit-learn refuses those in between.
    """
    numbers = [c for c in frame if _kind(frame[c]) in "if" and frame[c].notna().any()]
    there = [frame.head(0)]
    for column in numbers:
        with suppress(ValueError):
            there.append(threshold_rows(model, frame, n, column=column, seed=seed))
    return pd.concat(there, ignore_index=True)


def threshold_sweep(
    row: pd.DataFrame,
    ways: Mapping[str, Ask],
    *,
    column: str = "distance_miles",
    steps: int = 8,
) -> pd.DataFrame:
    """The fare of one row in each way, at the float32 numbers around its value."""
    offsets = np.arange(-steps, steps + 1, dtype=np.int32)
    value = row[column].to_numpy(np.float32)
    around = (value.view(np.int32) + offsets).view(np.float32)
    rows = row.loc[row.index.repeat(len(offsets))].assign(**{column: around})
    fares = {name: np.asarray(ask(rows), dtype=float) for name, ask in ways.items()}
    return pd.DataFrame({"step": offsets, column: around, **fares})


def hard_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The first row over and over, each time with one value that breaks things."""
    values = {name: _odd(frame[name]) for name in frame}
    return pd.concat([frame.head(1), _each(frame.head(1), values)], ignore_index=True)


def _each(rows: pd.DataFrame, values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """The rows once for each column and each of its values, put into all of them."""
    found = [rows.head(0)]
    for name, odd in values.items():
        for value in odd:
            column = pd.Series([value] * len(rows), rows.index, dtype=rows[name].dtype)
            found.append(rows.assign(**{name: column}))
    return pd.concat(found, ignore_index=True)


def _kind(column: pd.Series) -> str:
    """One of f, i, b and O, as the tables above call them."""
    return {"u": "i"}.get(column.dtype.kind, column.dtype.kind)


def _odd(column: pd.Series) -> list[Any]:
    """The odd values of its kind that its type can hold."""
    kind = _kind(column)
    if kind not in "if":
        return ODD[kind]
    ends = np.iinfo(column.dtype) if kind == "i" else np.finfo(column.dtype)
    cast = int if kind == "i" else float
    return [v for v in ODD[kind] if cast(ends.min) <= v <= cast(ends.max)]


def _with_none(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.astype(object).where(rows.notna(), None)


def _infinite(model: BaseEstimator, row: pd.DataFrame) -> pd.DataFrame:
    """The row with each infinity that the model answers: most refuse them all."""
    columns = row.select_dtypes("float")
    rows = _each(row, {name: [np.inf, -np.inf] for name in columns})

    def answered(each: pd.DataFrame) -> bool:
        try:
            return bool(np.isfinite(sklearn_answers(model)(each)).all())
        except ValueError:
            return False

    return rows.iloc[[at for at in range(len(rows)) if answered(rows.iloc[[at]])]]


def _handed_over(rows: pd.DataFrame) -> dict[str, Trial]:
    """The rows in each type of pandas that holds all values of one or more columns."""
    found = {}
    for dtype in dict.fromkeys(
        dtype for each in HANDED_OVER.values() for dtype in each
    ):
        asked = rows.copy()
        for name in rows:
            if dtype in HANDED_OVER[_kind(rows[name])]:
                other = rows[name].astype(dtype)
                if (other == rows[name])[rows[name].notna()].all():
                    asked[name] = other
        if not asked.dtypes.equals(rows.dtypes):
            found[f"as {dtype}"] = Trial(rows, asked)
    return found


def _jumps(model: BaseEstimator) -> Ask:
    """A function from rows to one value a row that jumps where the answer jumps."""

    def ask(rows: pd.DataFrame) -> np.ndarray:
        if not len(rows):
            return np.empty(0)
        if is_classifier(model) and hasattr(model, "predict_proba"):
            return model.predict_proba(rows)[:, -1]
        return np.asarray(model.predict(rows)).reshape(len(rows), -1)[:, 0]

    return ask


def _between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    if low.dtype.kind == "i":
        return (low & high) + ((low ^ high) >> 1)  # the mean, without an overflow
    return low / 2 + high / 2


def _next(values: np.ndarray, *, away: np.ndarray) -> np.ndarray:
    """The next number of the same type, on the side that is not towards `away`."""
    if values.dtype.kind == "i":
        return values + np.sign(values - away)
    return np.nextafter(values, 2 * values - away)
