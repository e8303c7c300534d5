"""Writes a fitted scikit-learn pipeline down as ONNX, with its schema in the file."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from pandas.api import types
from skl2onnx import convert_sklearn
from skl2onnx.common import data_types as onnx_types
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from workshop.errors import WorkshopError
from workshop.parity import feeds

TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}  # ONNX Runtime 1.14 of 2023 and later
TOLERANCE = 1e-4  # of the prediction, or of 1 where that is larger
SCHEMA = "fare.schema"  # its key in the metadata of the file
TENSORS = {
    "float32": onnx_types.FloatTensorType,
    "int64": onnx_types.Int64TensorType,
    "string": onnx_types.StringTensorType,
    "bool": onnx_types.BooleanTensorType,
}


def convert(pipeline: BaseEstimator, frame: pd.DataFrame) -> onnx.ModelProto:
    """The pipeline as a graph that has one input [rows, 1] for each column."""
    inputs = [(name, TENSORS[dtype_of(frame[name])]([None, 1])) for name in frame]
    options = {id(pipeline): {"zipmap": False}} if is_classifier(pipeline) else None
    return convert_sklearn(
        pipeline,
        name=type(pipeline).__name__,
        initial_types=inputs,
        options=options,
        target_opset=TARGET_OPSET,
    )


def convert_array(model: BaseEstimator, width: int) -> onnx.ModelProto:
    """A model of plain arrays as a graph with one float32 input X [rows, width]."""
    return convert_sklearn(
        model,
        name=type(model).__name__,
        initial_types=[("X", onnx_types.FloatTensorType([None, width]))],
        options={id(model): {"zipmap": False}} if is_classifier(model) else None,
        target_opset=TARGET_OPSET,
    )


def to_onnx(
    pipeline: BaseEstimator,
    frame: pd.DataFrame,
    *,
    units: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """The pipeline as an ONNX model that was seen to answer as scikit-learn does.

    `frame` holds the columns the pipeline was fitted on; its rows are the proof.
    Raises WorkshopError for what cannot be converted, and for answers that differ.
    """
    try:
        model = convert(pipeline, frame)
    except (RuntimeError, TypeError, ValueError) as error:
        raise WorkshopError(
            f"skl2onnx cannot convert this pipeline: {error} "
            "Replace the step it names by one that it supports."
        ) from error
    session = _verified_session(pipeline, model, frame)
    schema = _schema(pipeline, frame, session, units or {})
    onnx.helper.set_model_props(model, {SCHEMA: json.dumps(schema)})
    return model


def schema_of(model: onnx.ModelProto) -> list[dict]:
    """What the model asks for: one entry a column, as design.md lists the keys."""
    properties = {entry.key: entry.value for entry in model.metadata_props}
    return json.loads(properties.get(SCHEMA, "[]"))


def save(model: onnx.ModelProto, path: Path) -> Path:
    """The path, where the whole model now lies: a reader never sees half a file."""
    return write_whole(path, model.SerializeToString())


def write_whole(path: Path, data: bytes) -> Path:
    """The path, after its content was replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(data)
    return half.replace(path)


def dtype_of(column: pd.Series) -> str:
    """The type of the ONNX input for a column; doubles are written as float32."""
    dtype = column.dtype
    if types.is_bool_dtype(dtype):
        return "bool"
    if types.is_integer_dtype(dtype) and isinstance(dtype, np.dtype):
        return "int64"
    if types.is_float_dtype(dtype) and isinstance(dtype, np.dtype):
        return "float32"
    if types.infer_dtype(column, skipna=True) == "string":
        return "string"
    raise WorkshopError(
        f"Column {column.name!r} holds {dtype}, which has no ONNX input type here. "
        "Turn it into numbers, True and False, or text before you fit the pipeline."
    )


def _verified_session(
    pipeline: BaseEstimator, model: onnx.ModelProto, frame: pd.DataFrame
) -> onnxruntime.InferenceSession:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    wanted = [pipeline.predict(frame)]
    if hasattr(pipeline, "predict_proba"):
        wanted.append(pipeline.predict_proba(frame))
    for want, got in zip(wanted, session.run(None, feeds(frame, session)), strict=True):
        differs = _differs(want, got)
        if differs.any():
            row = int(np.argmax(differs))
            raise WorkshopError(
                f"The ONNX model does not answer as scikit-learn does: in {differs.sum()} "
                f"of {len(frame)} rows, first in row {row}: {want[row]} against "
                f"{got[row]}. So it is not written. Look for scaled columns in front of "
                "trees, missing values, and numbers beyond 2**24."
            )
    return session


def _differs(want: np.ndarray, got: np.ndarray) -> np.ndarray:
    """Which rows differ by more than the tolerance; labels must be equal."""
    want = want.reshape(len(want), -1)
    got = got.reshape(want.shape)
    if not np.issubdtype(want.dtype, np.floating):
        return (want != got).any(axis=1)
    close = np.abs(want - got) <= TOLERANCE * np.maximum(1, np.abs(want))
    return ~close.all(axis=1)


def _schema(
    pipeline: BaseEstimator,
    frame: pd.DataFrame,
    session: onnxruntime.InferenceSession,
    units: Mapping[str, str],
) -> list[dict]:
    encoders = dict(_encoders(pipeline))
    schema = []
    for name, graph_input in zip(frame, session.get_inputs(), strict=True):
        categories, unknown = encoders.get(name, (None, None))
        entry = {
            "name": name,
            "input": graph_input.name,
            "dtype": dtype_of(frame[name]),
        }
        entry |= {"unit": units.get(name)}
        entry |= {"missing": _takes_missing(pipeline, frame, name, session)}
        schema.append(entry | {"categories": categories, "unknown": unknown})
    return schema


def _takes_missing(
    pipeline: BaseEstimator,
    frame: pd.DataFrame,
    name: str,
    session: onnxruntime.InferenceSession,
) -> bool:
    """Whether both sides take a missing number in this column, and agree on it."""
    if dtype_of(frame[name]) != "float32":
        return False
    without = frame.head(1000).assign(**{name: np.float32("nan")})
    try:
        want = pipeline.predict(without)
    except ValueError:
        return False
    return not _differs(want, session.run(None, feeds(without, session))[0]).any()


def _encoders(estimator: BaseEstimator) -> Iterator[tuple[str, tuple[list, str]]]:
    """For each encoded text column, its known categories and the fate of others."""
    if isinstance(estimator, ColumnTransformer):
        for _, branch, _ in estimator.transformers_:
            yield from _encoders(branch)
    elif isinstance(estimator, Pipeline):
        for step in estimator:
            yield from _encoders(step)
    elif hasattr(estimator, "categories_") and hasattr(estimator, "feature_names_in_"):
        unknown = "error" if estimator.handle_unknown == "error" else "ignore"
        for name, known in zip(
            estimator.feature_names_in_, estimator.categories_, strict=True
        ):
            if known.dtype == object:
                yield name, ([c for c in known if isinstance(c, str)], unknown)
