"""Compares two ways to run one model, row by row, in the unit of its answers."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from workshop.asking import Ask
from workshop.trials import Trial

TOLERANCE = 1e-4  # of the answer, or of 1 where the answer is smaller
LARGEST = float(np.finfo(np.float32).max)  # an answer beyond it counts as this


@dataclass(frozen=True)
class Parity:
    """How far a candidate's answers are from the reference's on the same rows.

    Distances are in the unit of the answer: USD for a fare, 0 to 1 for a probability.
    Each row counts once, by the answer of it that is furthest off.
    """

    rows: int
    beyond: int  # rows that differ by more than the tolerance
    largest: float  # the largest difference
    worst_row: int | None  # where the most tolerances lie between, else one refused
    wrong: int  # of the rows beyond: also with the reference given float32 numbers
    lost: int  # rows on which the reference, given float32, differs from itself
    float32_loss: float  # the largest of these differences
    refused: int  # rows that the candidate alone refuses
    unrefused: int  # rows that the reference alone refuses


def compare(
    reference: Ask,
    candidate: Ask,
    rows: pd.DataFrame,
    *,
    asked: pd.DataFrame | None = None,
    tolerance: float = TOLERANCE,
) -> Parity:
    """How far the candidate's answers are from the reference's.

    asked: the same rows as the candidate is to get them, in other types or order.
    tolerance: of the answer; absolute where the answer is below 1.
    """
    want, no = _answers(reference, rows)
    got, refused = _answers(candidate, rows if asked is None else asked)
    narrow = rows.astype(dict.fromkeys(rows.select_dtypes("float64"), "float32"))
    want32, no32 = (want, no) if narrow.equals(rows) else _answers(reference, narrow)
    compared = ~(no | no32 | refused)
    apart, apart32, loss = (
        _distance(*pair, compared)
        for pair in [(want, got), (want32, got), (want, want32)]
    )
    room = tolerance * np.abs(np.nan_to_num(want.filled(0))).max(axis=1, initial=1)
    fault = np.where(refused == no, apart / room, 1)
    return Parity(
        rows=len(rows),
        beyond=int((apart > room).sum()),
        largest=float(apart.max(initial=0)),
        worst_row=int(fault.argmax()) if len(rows) else None,
        wrong=int(((apart > room) & (apart32 > room)).sum()),
        lost=int((loss > room).sum()),
        float32_loss=float(loss.max(initial=0)),
        refused=int((refused & ~no).sum()),
        unrefused=int((no & ~refused).sum()),
    )


def contract(
    reference: Ask, candidate: Ask, trials: Mapping[str, Trial]
) -> pd.DataFrame:
    """The Parity of each trial, a row each: what every way to run a model has to pass.

    `workshop.trials.trials` makes the trials of a model; `passes` reads the table.
    """
    found = {}
    for name, trial in trials.items():
        ask = in_batches(candidate) if trial.in_batches else candidate
        found[name] = asdict(compare(reference, ask, trial.rows, asked=trial.asked))
    return pd.DataFrame.from_dict(found, orient="index")


def passes(table: pd.DataFrame) -> bool:
    """Whether no row of any trial is wrong, and both refuse the same ones."""
    return not table[["wrong", "refused", "unrefused"]].any(axis=None)


def in_batches(ask: Ask) -> Ask:
    """The same, asked with no row, one row, three rows, and then the rest at once.

    To ask with no row may be refused, as scikit-learn refuses it.
    """

    def batches(rows: pd.DataFrame) -> np.ndarray:
        with suppress(ValueError):
            if np.size(ask(rows.head(0))):
                return np.full(len(rows), np.nan)  # an answer to nothing is wrong
        ends = [0, 1, 4, len(rows)]
        parts = [ask(rows.iloc[start:end]) for start, end in pairwise(ends)]
        return np.concatenate(parts)

    return batches


def _answers(ask: Ask, rows: pd.DataFrame) -> tuple[np.ma.MaskedArray, np.ndarray]:
    """The answers [rows, values] within float32, and which rows were refused."""
    try:
        found = np.ma.asarray(ask(rows)).astype(float)
    except ValueError:
        if len(rows) <= 1:
            return np.ma.zeros((len(rows), 1)), np.ones(len(rows), dtype=bool)
        half = len(rows) // 2
        parts = [_answers(ask, rows.iloc[:half]), _answers(ask, rows.iloc[half:])]
        # A refused row stands as one zero, whatever the width of the other answers.
        width = max(answers.shape[1] for answers, _ in parts)
        wide = [answers[:, np.arange(width) % answers.shape[1]] for answers, _ in parts]
        return np.ma.concatenate(wide), np.concatenate([no for _, no in parts])
    table = found.reshape(len(rows), -1) if len(rows) else np.ma.zeros((0, 1))
    return table.clip(-LARGEST, LARGEST), np.zeros(len(rows), dtype=bool)


def _distance(
    want: np.ma.MaskedArray, got: np.ma.MaskedArray, rows: np.ndarray
) -> np.ndarray:
    """The largest difference of each row; two missing answers agree, one is infinite.

    Rows that are not to be compared, and values that are masked, have none.
    """
    apart = np.zeros(len(want))
    if rows.any():
        want, got = want[rows], got[rows]
        gap = np.abs(want.data - got.data)
        agreed = np.isnan(want.data) & np.isnan(got.data)
        agreed |= np.ma.getmaskarray(want) | np.ma.getmaskarray(got)
        # Beyond float32, a graph can say only that it is, or that it lost track.
        agreed |= (np.abs(want.data) == LARGEST) & ~(np.abs(got.data) < LARGEST)
        apart[rows] = np.nan_to_num(np.where(agreed, 0, gap), nan=np.inf).max(axis=1)
    return apart
