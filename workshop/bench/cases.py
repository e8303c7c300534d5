"""What is timed: a model, rows and threads; and the batches that all contenders get."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from onnxruntime import SessionOptions
from rust_ext._rust_ext import Floor
from sklearn.base import BaseEstimator

from rust_ext import InferenceSession
from workshop import models
from workshop.asking import feeds
from workshop.files import ModelFiles
from workshop.rides import FEATURES, clean, read_rides

TENSOR, COLUMNS, LARGE = "one tensor", "columns", "fare_large"
ANSWER, TOGETHER, OPEN = "answer", "two Python threads", "a new session"
MODELS = {
    TENSOR: models.ensure_tensor,
    COLUMNS: lambda: models.ensure("gbr"),
    LARGE: lambda: models.ensure(LARGE),
}
# A turn is shorter than a time slice, so that most turns are disturbed by nobody: all
# but those that take a frame, which are longer.
CALLS = {1: 250, 10: 50}  # a turn; of more rows, one
SLOW_CALLS = 3  # a turn, of scikit-learn, whose calls are tens of times as long
TURNS, HEAVY_TURNS, HEAVY = 16, 2, 10_000  # until the first one comes again


@dataclass(frozen=True)
class Case:
    """One table of contenders, each with the same task."""

    model: str
    rows: int = 1
    threads: int = 1  # inside an operator
    task: str = ANSWER
    same_row: bool = False

    @property
    def what(self) -> str:
        """The kind of its samples, which with rows and threads names the case."""
        more = [self.task] * (self.task != ANSWER) + ["same row"] * self.same_row
        return ", ".join([self.model, *more])

    @property
    def heavy(self) -> bool:
        """Whether there are rides for few turns only."""
        return self.rows >= HEAVY

    @property
    def slow(self) -> bool:
        """Whether a turn takes so long that there are few of them."""
        large = self.model == LARGE and (self.rows > 1 or self.task == OPEN)
        return self.heavy or self.task == TOGETHER or large


ROWS = (1, 10, 100, 1_000, 10_000, 100_000)
QUICK = [
    *(Case(model, rows) for model in (TENSOR, COLUMNS) for rows in (1, 100)),
    *(Case(model, same_row=True) for model in (TENSOR, COLUMNS)),
    *(Case(TENSOR, rows, task=TOGETHER) for rows in (1, 1_000)),
    Case(COLUMNS, task=OPEN),
]
FULL = [
    *(Case(model, rows) for model in (TENSOR, COLUMNS) for rows in ROWS),
    *(Case(COLUMNS, rows, threads=2) for rows in (1, 1_000)),
    *(Case(LARGE, rows, threads) for rows in (1, 1_000) for threads in (1, 2)),
    *(case for case in QUICK if case.task != ANSWER or case.same_row),
    Case(LARGE, task=OPEN),
]


class Chunk(NamedTuple):
    """The batches of one turn, made ready for each kind of contender."""

    feeds: list[dict[str, np.ndarray]]
    frames: list[pd.DataFrame | np.ndarray]  # the same batches
    few: list[pd.DataFrame | np.ndarray]  # the first few of them
    floor: Floor


@cache
def files(model: str) -> ModelFiles:
    """The model's files, made where they are missing."""
    return MODELS[model]()


@cache
def pipeline(model: str) -> BaseEstimator:
    """The model in scikit-learn."""
    return joblib.load(files(model).joblib)["model"]


@cache
def in_rust(model: str, threads: int) -> InferenceSession:
    """The session that the floor stands on, too."""
    return InferenceSession(files(model).onnx, options(threads))


def options(threads: int) -> SessionOptions:
    """Threads inside an operator, none of which waits in a loop."""
    chosen = SessionOptions()
    chosen.intra_op_num_threads, chosen.inter_op_num_threads = threads, 1
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def chunks(case: Case, *, seed: int) -> list[Chunk]:
    """The turns' batches of rides, no two alike unless the case wants it so.

    More rides than there are (49,682) hold some twice.
    """
    session = in_rust(case.model, case.threads)
    calls, turns = CALLS.get(case.rows, 1), HEAVY_TURNS if case.heavy else TURNS
    rides = clean(read_rides())[FEATURES]
    count = case.rows * calls * turns
    rides = rides.sample(count, replace=case.heavy, random_state=seed)
    if case.model == TENSOR:
        table = models.as_tensor(rides)
        columns = {session.get_inputs()[0].name: table}
    else:
        table, columns = rides, feeds(rides, session)

    def batch(first: int) -> tuple[dict[str, np.ndarray], pd.DataFrame | np.ndarray]:
        # Copies: a caller's arrays are not slices of one.
        at = slice(first, first + case.rows)
        return {name: each[at].copy() for name, each in columns.items()}, table[at]

    def chunk(turn: int) -> Chunk:
        first = turn * calls * case.rows
        if case.same_row:
            batches = [batch(0)] * calls
        else:
            batches = [batch(first + i * case.rows) for i in range(calls)]
        asked, frames = (list(each) for each in zip(*batches, strict=True))
        few = frames[:SLOW_CALLS]
        return Chunk(asked, frames, few, Floor(session, asked))

    return [chunk(turn) for turn in range(turns)]
