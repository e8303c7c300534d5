"""Compares two ways to run one model, row by row, on the rows that tell them apart."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier

SCHEMA = "fare.schema"  # the key in the metadata of an ONNX file
TOLERANCE = 1e-4  # of the answer, or of 1 where the answer is smaller
TENSORS = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}
TEXTS = ["", " ", "no such zone", "nan", "None", "é日本🚲", "1-WEST", "x" * 1000]
FLOATS = [0.0, -0.0, -1.0, 1e-45, 1e-20, 16777217.0, 3.4e38, -3.4e38]
INTEGERS = [0, -1, 2**24 + 1, 2**31, 2**63 - 1, -(2**63)]

Ask = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Parity:
    """How far two ways to answer are apart on the same rows."""

    rows: int
    largest_usd: float
    worst_row: int | None  # position in the rows, None if there are none
    tolerance_usd: float
    beyond: int  # rows that differ by more than the tolerance
    float32_loss_usd: float  # what the reference itself loses on narrowed inputs


def feeds(
    frame: pd.DataFrame, session: onnxruntime.InferenceSession
) -> dict[str, np.ndarray]:
    """One array [rows, 1] for each input, by name, in the type the graph asks for."""
    schema = session.get_modelmeta().custom_metadata_map.get(SCHEMA, "[]")
    columns = {entry["input"]: entry["name"] for entry in json.loads(schema)}
    return {
        i.name: frame[[columns.get(i.name, i.name)]].to_numpy(TENSORS[i.type])
        for i in session.get_inputs()
    }


def sklearn_answers(model: BaseEstimator) -> Ask:
    """A function from rows to answers; no rows get none, where scikit-learn raises."""
    return lambda rows: model.predict(rows) if len(rows) else np.empty(0)


def onnx_answers(session: onnxruntime.InferenceSession) -> Ask:
    """A function from rows to the values of the graph's first output."""
    return lambda rows: session.run(None, feeds(rows, session))[0].ravel()


def compare(
    reference: Ask,
    candidate: Ask,
    rows: pd.DataFrame,
    *,
    tolerance_usd: float = TOLERANCE,
) -> Parity:
    """How far the candidate's answers are from the reference's, in USD."""
    want = np.asarray(reference(rows), dtype=float)
    apart = _distance(want, candidate(rows))
    doubles = rows.select_dtypes("float64").columns
    narrowed = reference(rows.astype(dict.fromkeys(doubles, "float32")))
    return Parity(
        rows=len(rows),
        largest_usd=float(apart.max(initial=0)),
        worst_row=int(apart.argmax()) if len(rows) else None,
        tolerance_usd=tolerance_usd,
        beyond=int((apart > tolerance_usd).sum()),
        float32_loss_usd=float(_distance(want, narrowed).max(initial=0)),
    )


def threshold_rows(
    model: BaseEstimator,
    frame: pd.DataFrame,
    n: int,
    *,
    column: str = "distance_miles",
    seed: int,
) -> pd.DataFrame:
    """Rows on the thresholds of a model: the two float32 next to each, and one beyond.

    For up to n rows, the column is bisected between two of its values until no
    float32 is left between an answer and another: whatever the trees, and whatever
    stands in front of them, scikit-learn changes its mind exactly there.
    """
    rows = frame.sample(n, replace=True, random_state=seed)
    low = rows[column].to_numpy(np.float32)
    high = np.random.default_rng(seed).permutation(low)
    below = model.predict(rows.assign(**{column: low}))
    differs = below != model.predict(rows.assign(**{column: high}))
    rows, low, high, below = (each[differs] for each in (rows, low, high, below))
    middle = (low + high) / 2
    while ((middle != low) & (middle != high)).any():
        same = model.predict(rows.assign(**{column: middle})) == below
        low, high = np.where(same, middle, low), np.where(same, high, middle)
        middle = (low + high) / 2
    values = [np.nextafter(low, 2 * low - high), low, high]
    values.append(np.nextafter(high, 2 * high - low))
    return pd.concat([rows.assign(**{column: v}) for v in values], ignore_index=True)


def threshold_sweep(
    row: pd.DataFrame,
    ways: dict[str, Ask],
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


def hard_rows(frame: pd.DataFrame, *, missing: Sequence[str] = ()) -> pd.DataFrame:
    """The first row over and over, each time with one value that breaks things.

    `missing` names the columns in which a missing number is allowed.
    """
    base = frame.head(1)
    rows = [base]
    for name in frame:
        kind = frame[name].dtype.kind
        values = {"f": FLOATS, "i": INTEGERS}.get(kind, TEXTS)
        if name in missing:
            values = [*values, np.nan]
        odd = pd.Series(values, dtype=frame[name].dtype)
        rows.append(base.loc[base.index.repeat(len(odd))].assign(**{name: odd.array}))
    return pd.concat(rows, ignore_index=True)


def wrong_rows(
    model: BaseEstimator, session: onnxruntime.InferenceSession, frame: pd.DataFrame
) -> np.ndarray:
    """Which rows get another answer from the graph than from scikit-learn."""
    return differ(answers(model, frame), session.run(None, feeds(frame, session)))


def answers(model: BaseEstimator, rows: pd.DataFrame | np.ndarray) -> list[np.ndarray]:
    """What the model says of the rows, in the order of the graph's outputs."""
    asked = ["predict", "predict_proba"] if is_classifier(model) else ["predict"]
    return [getattr(model, each)(rows) for each in asked if hasattr(model, each)]


def differ(wanted: list[np.ndarray], got: list[np.ndarray]) -> np.ndarray:
    """Which rows differ in any output: labels at all, numbers beyond TOLERANCE."""
    wrong = np.zeros(len(wanted[0]), dtype=bool)
    for want, answer in zip(wanted, got, strict=False):
        flat = want.reshape(len(want), -1)
        other = np.reshape(answer, flat.shape)
        if np.issubdtype(flat.dtype, np.floating):
            room = TOLERANCE * np.maximum(1, np.abs(flat))
            wrong |= ~(np.abs(flat - other) <= room).all(axis=1)
        else:
            wrong |= (flat != other).any(axis=1)
    return wrong


def _distance(want: np.ndarray, got: np.ndarray) -> np.ndarray:
    """The absolute difference; two missing answers agree, one alone is infinite."""
    apart = np.abs(want - np.asarray(got, dtype=float))
    apart[np.isnan(want) & np.isnan(got)] = 0
    return np.nan_to_num(apart, nan=np.inf, posinf=np.inf)
