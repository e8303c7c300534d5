"""Describes the columns of a model: what a caller may send in each of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from workshop.asking import Ask, sklearn_answers
from workshop.errors import WorkshopError
from workshop.parity import compare
from workshop.steps import steps

PROBES = 1000  # rows that are tried with a missing or an unknown value
UNHEARD = {"string": "no such category", "int64": -(2**20) - 1}


def columns_of(model: BaseEstimator, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that the model was fitted on, in their order.

    Raises WorkshopError where the frame lacks one, has it twice, or has no rows.
    """
    try:
        check_is_fitted(model)
        columns = frame[list(model.feature_names_in_)]
    except (NotFittedError, AttributeError, KeyError) as error:
        raise WorkshopError(
            f"The model and the frame do not match: {error}. Fit the model on a "
            "DataFrame, and give one with the same columns."
        ) from error
    if columns.columns.has_duplicates:
        twice = sorted(set(columns.columns[columns.columns.duplicated()]))
        raise WorkshopError(
            f"More than one column is called {twice}: a caller could not tell them "
            "apart. Give each a name of its own before you fit."
        )
    if columns.empty:
        raise WorkshopError("The frame has no rows: an export is proved on some.")
    return columns


def describe(frame: pd.DataFrame, units: Mapping[str, str]) -> list[dict]:
    """One entry a column, before it is known what a model makes of odd values."""
    return [
        {
            "name": name,
            "input": name,
            "dtype": dtype_of(frame[name]),
            "unit": units.get(name),
            "missing": False,
            "categories": None,
            "unknown": None,
        }
        for name in frame
    ]


def dtype_of(column: pd.Series) -> str:
    """The type of a column as an ONNX input: bool, int64, float32 or string."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf" and dtype != np.uint64:
        return {"b": "bool", "f": "float32"}.get(dtype.kind, "int64")
    if types.infer_dtype(column, skipna=True) != "string":
        raise WorkshopError(
            f"Column {column.name!r} holds {dtype}, which has no ONNX input here. Make "
            "it numbers, True and False, or text before you fit: "
            "workshop.plain.plain does so for the optional types of pandas."
        )
    return "string"


def probe(
    schema: list[dict], model: BaseEstimator, by_onnx: Ask, frame: pd.DataFrame
) -> list[dict]:
    """The schema, with what both sides were seen to do with odd values.

    A number may be missing if scikit-learn takes that, and the graph agrees on it in
    all such columns: a graph that is wrong in one has lost its branches for NaN. Text
    may be missing if some was when the model was fitted, or is in the frame.
    """
    few, known = frame.head(PROBES), _categories(model)
    by_sklearn = sklearn_answers(model)

    def agree(name: str, value: object) -> bool | None:
        """Whether the two agree on that value; None where scikit-learn takes none."""
        dtype = few[name].dtype
        column = pd.Series(value, few.index, "int64" if dtype.kind in "iu" else dtype)
        rows = few.assign(**{name: column})
        try:
            by_sklearn(rows)
        except ValueError:
            return None
        found = compare(by_sklearn, by_onnx, rows)
        return not found.wrong and not found.refused

    floats = [entry["name"] for entry in schema if entry["dtype"] == "float32"]
    gaps = {name: agree(name, np.nan) for name in floats}
    for entry in schema:
        name = entry["name"]
        categories = known.get(name, [])
        if entry["dtype"] == "string":
            learned = frame[name].hasnans or pd.isna(categories).any()
            entry["missing"] = bool(learned and agree(name, np.nan))
        else:
            entry["missing"] = gaps.get(name) is True and False not in gaps.values()
        if name in known and entry["dtype"] in UNHEARD:
            ignored = agree(name, UNHEARD[entry["dtype"]])
            seen = [] if ignored else frame[name].dropna().unique().tolist()
            taken = _of_type(entry["dtype"], [*categories, *seen])
            entry["categories"] = list(dict.fromkeys(taken))
            entry["unknown"] = "ignore" if ignored else "error"
    return schema


def _of_type(dtype: str, categories: list) -> list:
    """Those that a column of this type can hold; a step before made 2.0 of a 2."""
    if dtype == "string":
        return [each for each in categories if isinstance(each, str)]
    numbers = [each for each in categories if isinstance(each, int | float)]
    return [int(each) for each in numbers if float(each).is_integer()]


def _categories(model: BaseEstimator) -> dict[str, list]:
    """For each encoded column, the categories that its first encoder knows."""
    found = {}
    for step in steps(model):
        known = getattr(step.estimator, "categories_", [])
        if len(known) == len(step.columns):
            pairs = zip(step.columns, known, strict=True)
            found = {name: each.tolist() for name, each in pairs} | found
    return found
