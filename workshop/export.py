"""Writes a fitted scikit-learn model down as ONNX, once it is proved to be the same."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from sklearn.base import BaseEstimator, clone, is_classifier

from workshop.asking import SCHEMA, onnx_answers, sklearn_answers
from workshop.conversion import convert, convert_array, note, open_graph
from workshop.diagnosis import diagnose
from workshop.errors import WorkshopError
from workshop.files import write_whole
from workshop.parity import TOLERANCE, compare, contract, passes
from workshop.schema import columns_of, probe
from workshop.traps import refuse_traps
from workshop.trials import AS_THEY_ARE, Trial, trials

PARITY = "fare.parity"  # the key of what was proved, in the metadata of an ONNX file
REHEARSED = 1000  # rows
SEED = 2015


def to_onnx(
    model: BaseEstimator, frame: pd.DataFrame, *, units: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The model as a graph that passes the contract of parity with scikit-learn.

    It is tried on the rows of `frame` as they are, and on those of `workshop.trials`.
    Each column becomes one input [rows, 1]; doubles are narrowed to float32.
    Raises WorkshopError where that cannot be done, or where an answer differs.
    """
    model = getattr(model, "best_estimator_", model)  # of a search
    frame = columns_of(model, frame)
    _refuse_without_answer(model)
    refuse_traps(model, frame)
    graph = convert(model, frame, units=units)
    session = open_graph(graph)
    ways = sklearn_answers(model), onnx_answers(session, model)
    tried = {AS_THEY_ARE: Trial(frame)}
    first = contract(*ways, tried)
    _refuse_difference(model, frame, first, tried)
    schema = probe(schema_of(graph), model, ways[1], frame)
    tried = trials(model, frame, schema)
    del tried[AS_THEY_ARE]
    others = contract(*ways, tried)
    _refuse_difference(model, frame, others, tried)
    note(graph, SCHEMA, schema)
    note(graph, PARITY, _summary(pd.concat([first, others])))
    open_graph(graph)
    return graph


def rehearse(
    model: BaseEstimator, frame: pd.DataFrame, target: pd.Series | np.ndarray
) -> None:
    """Fit a copy on a few rows, and export that: what fails, fails before a long fit.

    target: one answer a row of the frame, in its order. The model stays as it is.
    Raises WorkshopError as `to_onnx` does, or where target is of another length.
    """
    if len(target) != len(frame):
        raise WorkshopError(
            f"The frame has {len(frame)} rows and the target {len(target)}: give one "
            "answer a row."
        )
    drawn = np.random.default_rng(SEED).permutation(len(frame))[:REHEARSED]
    few, known = frame.iloc[drawn], np.asarray(target)[drawn]
    to_onnx(clone(model).fit(few, known), few)


def array_to_onnx(model: BaseEstimator, rows: np.ndarray) -> onnx.ModelProto:
    """A model of plain arrays as a graph with one float32 input X [rows, width].

    Raises WorkshopError where it answers one of the rows in another way.
    """
    graph = convert_array(model, rows)
    by_sklearn = sklearn_answers(model)
    by_onnx = onnx_answers(
        open_graph(graph), model, feed=lambda each, _: {"X": each.to_numpy(np.float32)}
    )
    found = compare(
        lambda each: by_sklearn(each.to_numpy()), by_onnx, pd.DataFrame(rows)
    )
    if found.beyond:
        raise WorkshopError(
            f"The ONNX model and scikit-learn differ on {found.beyond} of {found.rows} "
            "rows, so the model is not written. Fit it on float32 numbers."
        )
    return graph


def schema_of(graph: onnx.ModelProto) -> list[dict]:
    """One entry a column: name, input, dtype, unit, missing, categories, unknown."""
    return metadata_of(graph).get(SCHEMA, [])


def metadata_of(graph: onnx.ModelProto) -> dict:
    """What this course wrote into the file, by key: the schema, and what was proved."""
    ours = (SCHEMA, PARITY)
    return {p.key: json.loads(p.value) for p in graph.metadata_props if p.key in ours}


def save(graph: onnx.ModelProto, path: Path) -> Path:
    """The path of the file, written in one step: nobody reads half of it."""
    return write_whole(path, graph.SerializeToString())


def _refuse_without_answer(model: BaseEstimator) -> None:
    """Raise WorkshopError for a model whose answers cannot be compared."""
    if not hasattr(model, "predict"):
        raise WorkshopError(
            f"This {type(model).__name__} predicts nothing that could be compared. "
            "Export a model with predict, or put one behind it."
        )
    if is_classifier(model) and isinstance(model.classes_, list):
        raise WorkshopError(
            f"This {type(model).__name__} gives a row several labels, which ONNX "
            "Runtime returns in another form. Fit and export one model for each label."
        )


def _refuse_difference(
    model: BaseEstimator,
    frame: pd.DataFrame,
    table: pd.DataFrame,
    tried: Mapping[str, Trial],
) -> None:
    """Raise WorkshopError for the first trial in which the two differ."""
    for name, found in table.iterrows():
        strict = found["beyond"] if name == AS_THEY_ARE else 0
        if not strict and passes(table.loc[[name]]):
            continue
        rows, at = tried[name].rows, int(found["worst_row"])
        worst = rows.iloc[[at, at]]  # in two, a fault of shape shows
        row = worst.iloc[0].head(8).to_dict()
        if found["beyond"]:
            what = (
                f"differ on {found['beyond']:.0f} of {found['rows']:.0f} rows "
                f"({name}), by up to {found['largest']:.3g}, most on {row}"
            )
        else:
            what = (
                f"do not refuse the same rows ({name}): the graph alone refuses "
                f"{found['refused']:.0f}, scikit-learn alone {found['unrefused']:.0f}, "
                f"such as {row}"
            )
        raise WorkshopError(
            f"The ONNX model and scikit-learn {what}; so the model is not written. "
            f"{diagnose(model, frame, worst)}"
        )


def _summary(table: pd.DataFrame) -> dict:
    """What was proved on all trials, and the largest difference on rows as they are."""
    return {
        "tolerance": TOLERANCE,
        "trials": len(table),
        "rows": int(table["rows"].sum()),
        "wrong": int(table["wrong"].sum()),
        "lost": int(table["lost"].sum()),
        "largest": float(table.loc[AS_THEY_ARE, "largest"]),
    }
