"""Writes a fitted scikit-learn model down as ONNX, with its schema in the file."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidGraph,
    NotImplemented,
)
from skl2onnx import convert_sklearn
from skl2onnx.common import data_types as onnx_types
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from workshop.errors import WorkshopError
from workshop.files import write_whole
from workshop.parity import SCHEMA, answers, differ, wrong_rows
from workshop.schema import describe, probe
from workshop.traps import refuse_traps

TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}  # at most: a file says what it needs
WHOLE = 2**24  # float32 skips whole numbers beyond
LOAD_ERRORS = (Fail, InvalidGraph, NotImplemented)
REFUSALS = (NameError, RuntimeError, TypeError, ValueError)  # what skl2onnx raises
TENSORS = {
    "float32": onnx_types.FloatTensorType,
    "int64": onnx_types.Int64TensorType,
    "string": onnx_types.StringTensorType,
    "bool": onnx_types.BooleanTensorType,
}


def to_onnx(
    model: BaseEstimator, frame: pd.DataFrame, *, units: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The model as a graph that was seen to answer as scikit-learn does on `frame`.

    Each column becomes one input [rows, 1]; doubles are narrowed to float32.
    Raises WorkshopError where that cannot be done, or where an answer differs.
    """
    frame = _columns_of(model, frame)
    refuse_traps(model, frame)
    schema = describe(frame, units or {})
    inputs = [(entry["name"], TENSORS[entry["dtype"]]([None, 1])) for entry in schema]
    graph = _convert(_by_column(model, frame), inputs)
    for entry, tensor in zip(schema, graph.graph.input, strict=True):
        entry["input"] = tensor.name
    session = _open(graph, schema)
    wrong = wrong_rows(model, session, frame)
    if wrong.any():
        raise WorkshopError(
            f"The ONNX model and scikit-learn differ on {wrong.sum()} of {len(frame)} "
            f"rows, first on row {wrong.argmax()}, so the model is not written. "
            f"{_suspicion(frame)}"
        )
    _open(graph, probe(schema, model, session, frame))
    return graph


def array_to_onnx(model: BaseEstimator, rows: np.ndarray) -> onnx.ModelProto:
    """A model of plain arrays as a graph with one float32 input X [rows, width]."""
    inputs = [("X", onnx_types.FloatTensorType([None, rows.shape[1]]))]
    graph = _convert(model, inputs)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    got = session.run(None, {"X": rows.astype(np.float32)})
    if differ(answers(model, rows), got).any():
        raise WorkshopError(
            "The ONNX model and scikit-learn differ, so the model is not written. "
            "Fit it on float32 numbers."
        )
    return graph


def schema_of(graph: onnx.ModelProto) -> list[dict]:
    """One entry a column: name, input, dtype, unit, missing, categories, unknown."""
    found = {entry.key: entry.value for entry in graph.metadata_props}
    return json.loads(found.get(SCHEMA, "[]"))


def save(graph: onnx.ModelProto, path: Path) -> Path:
    """The path of the file, written in one step: nobody reads half of it."""
    return write_whole(path, graph.SerializeToString())


def _columns_of(model: BaseEstimator, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that the model was fitted on, in their order."""
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


def _by_column(model: BaseEstimator, frame: pd.DataFrame) -> BaseEstimator:
    """The model behind a step that joins single columns, if it is not a pipeline."""
    if isinstance(model, Pipeline):
        return model
    join = ColumnTransformer([], remainder="passthrough").fit(frame)
    return Pipeline([("columns", join), ("model", model)])


def _convert(model: BaseEstimator, inputs: list[tuple]) -> onnx.ModelProto:
    plain = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    try:
        with warnings.catch_warnings():
            # skl2onnx 1.20 gives protobuf booleans for integers, as protobuf 7 refuses.
            warnings.filterwarnings("ignore", "Field onnx.*got a boolean")
            return convert_sklearn(
                model,
                name=type(model).__name__,
                initial_types=inputs,
                options=plain,
                target_opset=TARGET_OPSET,
            )
    except REFUSALS as error:
        raise WorkshopError(
            f"skl2onnx cannot convert {_culprit(model, dict(inputs))}: "
            f"{str(error).splitlines()[0]} Do the work of that step in the DataFrame "
            "before you fit, or replace it by a step that skl2onnx knows."
        ) from error


def _culprit(model: BaseEstimator, inputs: dict[str, onnx_types.TensorType]) -> str:
    """The step that cannot be converted by itself either, and its columns."""
    for step in model if isinstance(model, Pipeline) else []:
        for name, branch in getattr(step, "named_transformers_", {}).items():
            columns = list(getattr(branch, "feature_names_in_", []))
            try:
                convert_sklearn(branch, initial_types=[(c, inputs[c]) for c in columns])
            except REFUSALS:
                return f"the step {name!r} on the columns {columns}"
    return f"this {type(model).__name__}"


def _open(graph: onnx.ModelProto, schema: list[dict]) -> onnxruntime.InferenceSession:
    """The graph as a session, after the schema went into its metadata."""
    onnx.helper.set_model_props(graph, {SCHEMA: json.dumps(schema)})
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4  # a refused value is an answer here
    try:
        return onnxruntime.InferenceSession(graph.SerializeToString(), quiet)
    except LOAD_ERRORS as error:
        raise WorkshopError(
            f"The model is not written: ONNX Runtime cannot open it: "
            f"{str(error).splitlines()[0]} Do the "
            "work of the step that it names in the DataFrame before you fit."
        ) from error


def _suspicion(frame: pd.DataFrame) -> str:
    """Where to look first when the answers differ."""
    numbers = frame.select_dtypes("number")
    large = [name for name in numbers if (numbers[name].abs() >= WHOLE).any()]
    gaps = [name for name in numbers if numbers[name].hasnans]
    if large:
        return f"float32 skips whole numbers beyond 2**24: make {large} smaller."
    if gaps:
        return f"Numbers are missing in {gaps}: fill them before you fit."
    return "A scaler in front of trees does this: leave it out, trees need none."
