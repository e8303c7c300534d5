"""Asks a model for rows of a DataFrame, in each of the ways that it can be run."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier, is_clusterer

from workshop.gaps import MISSING_TEXT
from workshop.plain import plain

SCHEMA = "fare.schema"  # the key in the metadata of an ONNX file
TENSORS = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}
REFUSALS = {"Fail", "InvalidArgument"}  # so called by onnxruntime and by rust_ext
CLOSE = 1e-4  # of a score, or of 1 where it is smaller: two that near are a tie

Ask = Callable[[pd.DataFrame], np.ndarray]  # answers [rows] or [rows, values]


def feeds(
    frame: pd.DataFrame, session: onnxruntime.InferenceSession
) -> dict[str, np.ndarray]:
    """One array [rows, 1] for each input, by name, in the type the graph asks for.

    Raises ValueError for numbers that an integer cannot hold, a missing one among them.
    """
    names = {entry["input"]: entry["name"] for entry in schema_of(session)}
    columns = {i: names.get(i.name, i.name) for i in session.get_inputs()}
    asked = plain(frame[list(columns.values())])
    return {i.name: _tensor(asked[c], TENSORS[i.type]) for i, c in columns.items()}


def schema_of(session: onnxruntime.InferenceSession) -> list[dict]:
    """What the model says of its columns; nothing if it was not exported here."""
    return json.loads(session.get_modelmeta().custom_metadata_map.get(SCHEMA, "[]"))


def sklearn_answers(model: BaseEstimator) -> Ask:
    """A function from rows to answers: predictions, or labels and probabilities.

    A label is its place among the classes. It is masked where the two best classes are
    a tie: nobody can promise which of them wins. No rows get no answers, where
    scikit-learn raises.
    """

    def ask(rows: pd.DataFrame) -> np.ndarray:
        if not len(rows):
            return np.empty(0)
        outputs = [getattr(model, method)(rows) for method in methods(model)]
        return np.ma.array(_side_by_side(outputs, model), mask=_ties(model, rows))

    return ask


def onnx_answers(
    session: onnxruntime.InferenceSession,
    model: BaseEstimator | None = None,
    *,
    feed: Callable[..., dict[str, np.ndarray]] = feeds,
) -> Ask:
    """A function from rows to the graph's answers, in the form of sklearn_answers.

    Takes a session of onnxruntime or of rust_ext; a classifier's needs the model, too.
    What the engine refuses is a ValueError, as it is in scikit-learn.
    """
    wanted = 1 if model is None else len(methods(model))

    def ask(rows: pd.DataFrame) -> np.ndarray:
        try:
            outputs = session.run(None, feed(rows, session))
        except Exception as error:
            if type(error).__name__ in REFUSALS:
                raise ValueError(str(error)) from error
            raise
        if any(len(output) != len(rows) for output in outputs[:wanted]):
            return np.full((len(rows), 1), np.nan)  # some graphs give labels [1, rows]
        return _side_by_side(outputs[:wanted], model)

    return ask


def _tensor(column: pd.Series, dtype: type) -> np.ndarray:
    if dtype is object:
        column = column.astype(object).where(column.notna(), MISSING_TEXT)
    elif dtype is np.int64 and column.dtype.kind == "f" and (column % 1 != 0).any():
        raise ValueError(f"Column {column.name!r} must be whole numbers")
    return column.to_numpy(dtype).reshape(-1, 1)


def methods(model: BaseEstimator) -> list[str]:
    """What a model is asked, in the order of a graph's outputs."""
    asked = ["predict", "predict_proba"] if is_classifier(model) else ["predict"]
    return [method for method in asked if hasattr(model, method)]


def _side_by_side(outputs: list[Any], model: BaseEstimator | None) -> np.ndarray:
    """The outputs as numbers: [rows] for one number a row, else [rows, values]."""
    first, *others = (np.asarray(output) for output in outputs)
    if model is not None and is_classifier(model):
        places = {label: place for place, label in enumerate(model.classes_.tolist())}
        labels = first.ravel().tolist()  # some graphs give [rows, 1]
        first = np.array([places.get(label, np.nan) for label in labels])
    table = np.hstack([_columns(output) for output in (first, *others)])
    return table.ravel() if table.shape[1] == 1 else table


def _columns(output: np.ndarray) -> np.ndarray:
    """The output as numbers [rows, values of a row]."""
    return output.reshape(len(output), math.prod(output.shape[1:])).astype(float)


def _ties(model: BaseEstimator, rows: pd.DataFrame) -> np.ndarray:
    """Which answers are a label among two best classes of nearly one score."""
    ways = ["predict_proba", "decision_function"] if is_classifier(model) else []
    ways += ["transform"] if is_clusterer(model) else []  # the distance to each centre
    ways = [way for way in ways if hasattr(model, way)]
    if not ways:
        return np.ma.nomask
    scores = getattr(model, ways[0])(rows)
    if scores.ndim == 1:
        return np.abs(scores) < CLOSE
    ranked = np.sort(-scores if ways[0] == "transform" else scores, axis=1)
    tied = ranked[:, -1] - ranked[:, -2] < CLOSE * np.maximum(1, np.abs(ranked[:, -1]))
    if ways[0] != "predict_proba":
        return tied
    return np.column_stack([tied, np.zeros(scores.shape, dtype=bool)])
