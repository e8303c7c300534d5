"""Says which step of a model an ONNX graph gets wrong, and what to do about it."""

import reprlib

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from workshop.asking import feeds, onnx_answers, sklearn_answers
from workshop.conversion import convert, open_graph
from workshop.parity import TOLERANCE
from workshop.steps import Step, steps

WHOLE = 2**24  # float32 skips whole numbers beyond


def diagnose(model: BaseEstimator, frame: pd.DataFrame, rows: pd.DataFrame) -> str:
    """The likeliest reason why a graph answers these rows otherwise, and the remedy.

    frame: rows of the columns that the model was fitted on.
    """
    numbers = frame.select_dtypes("number")
    if large := [name for name in numbers if (numbers[name].abs() >= WHOLE).any()]:
        names = reprlib.repr(large)
        return f"float32 skips whole numbers beyond 2**24: make {names} smaller."
    doubles = list(frame.select_dtypes("float64"))
    narrow = rows.astype(dict.fromkeys(doubles, "float32"))
    for end in range(1, len(model) if isinstance(model, Pipeline) else 1):
        if said := _step_at_fault(model, end, narrow):
            return said
    if doubles:
        return (
            f"The columns {reprlib.repr(doubles)} are float64, and the graph takes "
            "float32: fit on frame.astype('float32') of them."
        )
    name, last = model.steps[-1] if isinstance(model, Pipeline) else ("model", model)
    return (
        f"It is {Step(name, last, [])} that skl2onnx converts to another one: replace "
        "it, or keep the model in scikit-learn."
    )


def _step_at_fault(model: Pipeline, end: int, rows: pd.DataFrame) -> str | None:
    """What is wrong with the last of the first steps; None if the fault is not there.

    Where float32 rounds its output, it is at fault if scikit-learn, given that output,
    comes to the graph's answer.
    """
    front, rest = model[:end], model[end:]
    made = front.transform(rows)
    want = (made.toarray() if issparse(made) else np.asarray(made)).astype(float)
    session = open_graph(convert(front, rows))
    got = session.run(None, feeds(rows, session))[0].astype(float)
    wrong = ~(np.abs(want - got) <= TOLERANCE * np.maximum(1, np.abs(want)))
    if wrong.any():
        step = _branch(front, wrong.any(axis=0))
        return (
            f"It is {step.place}, that skl2onnx converts to another one: do its work "
            "in the DataFrame before you fit."
        )
    inexact = want.astype(np.float32) != got
    answer = onnx_answers(open_graph(convert(model, rows)), model)(rows)
    given = pd.DataFrame(got, columns=made.columns) if hasattr(made, "columns") else got
    again = sklearn_answers(rest)(given)
    if inexact.any() and np.allclose(again, answer, rtol=TOLERANCE):
        step = _branch(front, inexact.any(axis=0))
        return (
            f"In {step.place}, float32 rounds otherwise than scikit-learn's float64, "
            f"and {Step(*model.steps[-1], [])} turns the last bit into another answer: "
            "leave the first of them out (trees need no scaler), or do its work in the "
            "DataFrame before you fit."
        )
    return None


def _branch(front: Pipeline, faulty: np.ndarray) -> Step:
    """The step that makes the faulty ones of the output's columns [columns]."""
    name, step = front.steps[-1]
    if isinstance(step, ColumnTransformer):
        for inner, made in step.output_indices_.items():
            if faulty[made].any():
                found = [each for each in steps(step) if each.name == inner]
                return next(iter(found), Step(inner, step, []))
    return Step(name, step, list(front.feature_names_in_))
