"""Converts a fitted scikit-learn model to an ONNX graph, with skl2onnx."""

import json
import re
import warnings
from collections.abc import Mapping

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
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from workshop.asking import SCHEMA, methods
from workshop.errors import WorkshopError
from workshop.faithful import faithful
from workshop.schema import columns_of, describe
from workshop.steps import Step, inside, steps

TARGET_OPSET = {"": 18, "ai.onnx.ml": 3}  # at most: a file says what it needs
LOAD_ERRORS = (Fail, InvalidGraph, NotImplemented)
REFUSALS = (  # what skl2onnx raises
    *(AssertionError, AttributeError, NameError),
    *(RuntimeError, TypeError, ValueError),
)
TENSORS = {
    "float32": onnx_types.FloatTensorType,
    "int64": onnx_types.Int64TensorType,
    "string": onnx_types.StringTensorType,
    "bool": onnx_types.BooleanTensorType,
}
Inputs = list[tuple[str, onnx_types.TensorType]]


def convert(
    model: BaseEstimator, frame: pd.DataFrame, *, units: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The model as a graph with one input [rows, 1] for each column, and its schema.

    Nothing is proved: it may be wrong. `workshop.export.to_onnx` says if it is.
    Raises WorkshopError where there is no graph.
    """
    frame = columns_of(model, frame)
    schema = describe(frame, units or {})
    inputs = [(entry["name"], TENSORS[entry["dtype"]]([None, 1])) for entry in schema]
    model = faithful(model, frame)
    if _wants_one_matrix(model, schema):
        join = ColumnTransformer([], remainder="passthrough").fit(frame)
        rest = model.steps if isinstance(model, Pipeline) else [("model", model)]
        model = Pipeline([("columns", join), *rest])
    graph = _convert(model, inputs)
    for entry, tensor in zip(schema, graph.graph.input, strict=True):
        entry["input"] = tensor.name
    note(graph, SCHEMA, schema)
    return graph


def convert_array(model: BaseEstimator, rows: np.ndarray) -> onnx.ModelProto:
    """The model as a graph with one input X, float32 [rows, width]; not proved."""
    array = onnx_types.FloatTensorType([None, rows.shape[1]])
    return _convert(faithful(model, rows), [("X", array)])


def open_graph(graph: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """The graph as a session; WorkshopError where ONNX Runtime cannot open it."""
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4  # a refused value is an answer here
    try:
        return onnxruntime.InferenceSession(graph.SerializeToString(), quiet)
    except LOAD_ERRORS as error:
        raise WorkshopError(
            "The model is not written: ONNX Runtime cannot open it: "
            f"{_first_line(error)}. Do the work of the step that it names in the "
            "DataFrame before you fit."
        ) from error


def note(graph: onnx.ModelProto, key: str, value: object) -> None:
    """Put a value into the metadata of the file, as JSON."""
    kept = {entry.key: entry.value for entry in graph.metadata_props}
    onnx.helper.set_model_props(graph, kept | {key: json.dumps(value)})


def _wants_one_matrix(model: BaseEstimator, schema: list[dict]) -> bool:
    """Whether the columns are to be joined first, as no step picks some by name.

    skl2onnx gives a first step all columns, but many converters read one input alone.
    """
    picks = any(isinstance(each.estimator, ColumnTransformer) for each in steps(model))
    return not picks and all(entry["dtype"] != "string" for entry in schema)


def _convert(model: BaseEstimator, inputs: Inputs) -> onnx.ModelProto:
    try:
        with warnings.catch_warnings():
            # skl2onnx 1.20 gives protobuf booleans for integers, as protobuf 7 refuses.
            warnings.filterwarnings("ignore", "Field onnx.*got a boolean")
            warnings.filterwarnings("ignore", "Attribute `prob[AB]_`", FutureWarning)
            graph = convert_sklearn(
                model,
                name=type(model).__name__,
                initial_types=inputs,
                options={id(model): _options(model)},
                target_opset=TARGET_OPSET,
            )
    except REFUSALS as error:
        culprit = _culprit(model, inputs)
        raise WorkshopError(
            f"skl2onnx cannot convert {culprit.place}: "
            f"{_first_line(error)}. Do the work of that step in the DataFrame "
            "before you fit, or replace it by a step that skl2onnx knows."
        ) from error
    _join_with_concat(graph)
    if asked := methods(model):
        del graph.graph.output[len(asked) :]  # scores that are compared with nothing
    return graph


def _options(model: BaseEstimator) -> dict[str, bool]:
    """What makes a classifier's outputs plain arrays, and not lists of dicts."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if isinstance(last, LinearSVC):
        return {"nocl": False}  # it has no zipmap, and is given one where this is empty
    return {"zipmap": False} if is_classifier(model) else {}


def _join_with_concat(graph: onnx.ModelProto) -> None:
    """Join columns by Concat: FeatureVectorizer does the same, but in floats only.

    Where that gets no rows, ONNX Runtime 1.32 ends the whole process.
    """
    for node in graph.graph.node:
        if node.op_type == "FeatureVectorizer":
            concat = onnx.helper.make_node("Concat", node.input, node.output, axis=1)
            node.CopyFrom(concat)
    if all(each.domain for each in graph.opset_import):
        graph.opset_import.append(onnx.helper.make_opsetid("", TARGET_OPSET[""]))


def _culprit(model: BaseEstimator, inputs: Inputs) -> Step:
    """The first step with which the conversion fails, or a branch of it that does."""
    chain = model.steps if isinstance(model, Pipeline) else []
    for end, (name, step) in enumerate(chain, start=1):
        if not _converts(model[:end], inputs):
            for branch in inside(step):
                mine = [port for port in inputs if port[0] in branch.columns]
                if mine and not _converts(branch.estimator, mine):
                    return branch
            return Step(name, step, [column for column, _ in inputs])
    return Step("model", model, [column for column, _ in inputs])


def _converts(model: BaseEstimator, inputs: Inputs) -> bool:
    try:
        convert_sklearn(model, initial_types=inputs)
    except REFUSALS:
        return False
    return True


def _first_line(error: Exception) -> str:
    return re.split(r"[,.] [Yy]ou may raise", str(error).splitlines()[0])[0].rstrip(".")
