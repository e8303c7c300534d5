"""Says which step of a model an ONNX graph gets wrong, and what to do about it."""

import reprlib

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from workshop.asking import Ask, onnx_answers, sklearn_answers
from workshop.conversion import convert, convert_array, open_graph
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

    Where float32 rounds its output, it is at fault if the rest of the model, given that
    output, is converted right.
    """
    front, rest = model[:end], model[end:]
    made = _answer(front.transform, rows)
    if made is not None and made.dtype == object:  # text, which is not rounded
        return None
    got = _answer(onnx_answers(open_graph(convert(front, rows))), rows)
    if made is None and got is None:
        return None
    comparable = np.shape(made) == np.shape(got)  # neither refuses the rows
    wrong = np.zeros(0, dtype=bool)
    if comparable:
        close = np.isclose(got, made, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        wrong = ~close.all(axis=0)
    if not comparable or wrong.any():
        step = _branch(front, wrong)
        return (
            f"It is {step.place}, that skl2onnx converts to another one: do its work "
            "in the DataFrame before you fit."
        )
    rounded = (got != made) & ~np.isnan(got)
    given = pd.DataFrame(got, columns=getattr(rest, "feature_names_in_", None))
    if rounded.any() and _converts_right(rest, given):
        step = _branch(front, rounded.any(axis=0))
        return (
            f"In {step.place}, float32 rounds otherwise than scikit-learn's float64, "
            f"and {Step(*model.steps[-1], [])} turns the last bit into another answer: "
            "leave the first of them out (trees need no scaler), or do its work in the "
            "DataFrame before you fit."
        )
    return None


def _answer(ask: Ask, rows: pd.DataFrame) -> np.ndarray | None:
    """The answers as an array [rows, columns]; None where the rows are refused."""
    try:
        answer = ask(rows)
    except ValueError:
        return None
    table = answer.toarray() if issparse(answer) else np.asarray(answer)
    return table.reshape(len(rows), -1)


def _converts_right(model: BaseEstimator, rows: pd.DataFrame) -> bool:
    """Whether its graph answers these rows, which float32 holds, as the model does."""
    by_onnx = onnx_answers(
        open_graph(convert_array(model, np.asarray(rows))),
        model,
        feed=lambda each, _: {"X": np.asarray(each, dtype=np.float32)},
    )
    return np.ma.allclose(sklearn_answers(model)(rows), by_onnx(rows), rtol=TOLERANCE)


def _branch(front: Pipeline, faulty: np.ndarray) -> Step:
    """The step that makes the faulty ones of the output's columns [columns], if any."""
    name, step = front.steps[-1]
    if isinstance(step, ColumnTransformer):
        for inner, made in step.output_indices_.items():
            if faulty[made].any():
                found = [each for each in steps(step) if each.name == inner]
                return next(iter(found), Step(inner, step, []))
    return Step(name, step, list(front.feature_names_in_))
