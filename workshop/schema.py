"""Describes the columns of a model: what a caller may send in each of them."""

from collections.abc import Iterator, Mapping

import numpy as np
import onnxruntime
import pandas as pd
from onnxruntime.capi.onnxruntime_pybind11_state import Fail
from pandas.api import types
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from workshop.errors import WorkshopError
from workshop.parity import wrong_rows

PROBES = 1000  # rows that are tried with a missing or an unknown value
UNHEARD = {"string": "no such category", "int64": -(2**20) - 1}


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
    if column.hasnans:
        raise _lacks_text(column.name)
    return "string"


def probe(
    schema: list[dict],
    model: BaseEstimator,
    session: onnxruntime.InferenceSession,
    frame: pd.DataFrame,
) -> list[dict]:
    """The schema, with what both sides were seen to do with odd values.

    A column may miss numbers if scikit-learn takes that, and the graph agrees on it
    in all such columns: a graph that is wrong in one has lost its branches for NaN.
    """
    few, known = frame.head(PROBES), dict(_categories(model, []))

    def verdict(name: str, value: object) -> str:
        try:
            wrong = wrong_rows(model, session, few.assign(**{name: value}))
        except (ValueError, Fail):
            return "refused"
        return "differ" if wrong.any() else "agree"

    floats = [entry["name"] for entry in schema if entry["dtype"] == "float32"]
    gaps = {name: verdict(name, np.float32("nan")) for name in floats}
    for entry in schema:
        name = entry["name"]
        if "differ" not in gaps.values():
            entry["missing"] = gaps.get(name) == "agree"
        if name in known and entry["dtype"] in UNHEARD:
            ignored = verdict(name, UNHEARD[entry["dtype"]]) == "agree"
            entry |= {"categories": known[name]}
            entry |= {"unknown": "ignore" if ignored else "error"}
    return schema


def _lacks_text(name: str) -> WorkshopError:
    return WorkshopError(
        f"Column {name!r} lacks text in places, and ONNX cannot tell that from the "
        "text 'nan'. Fill it before you fit, for example with "
        f"frame.fillna({{{name!r}: 'none'}})."
    )


def _categories(step: BaseEstimator, names: list[str]) -> Iterator[tuple[str, list]]:
    """For each encoded column, the categories that its encoder knows."""
    names = list(getattr(step, "feature_names_in_", names))
    if isinstance(step, ColumnTransformer):
        for branch in step.named_transformers_.values():
            yield from _categories(branch, [])
    elif isinstance(step, Pipeline):
        for inner in step:
            yield from _categories(inner, names)
    elif hasattr(step, "categories_") and len(step.categories_) == len(names):
        for name, known in zip(names, step.categories_, strict=True):
            if pd.isna(known).any():
                raise _lacks_text(name)
            yield name, known.tolist()
