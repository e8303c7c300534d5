"""Who is timed: loops that call an engine as those would who want it fast."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import onnxruntime
from onnxruntime import OrtValue, SessionOptions
from rust_ext._rust_ext import Floor

import rust_ext
from workshop.bench.cases import (
    OPEN,
    TENSOR,
    TOGETHER,
    Case,
    Chunk,
    files,
    in_rust,
    options,
    pipeline,
)
from workshop.errors import WorkshopError

FLOOR, RUST, OUT, PREDICT = "floor", "rust_ext", "rust_ext out=", "rust_ext predict"
PYTHON, BINDING, SKLEARN = "onnxruntime", "onnxruntime IO binding", "scikit-learn"
AGAIN, TWO = " again", ", 2 threads"
ROWS_TOGETHER = 20_000  # a turn: so many that waking the threads is nothing beside it
TOLERANCE_USD = 1e-3


class Contender(NamedTuple):
    """Answers the batches in one field of a chunk, and returns the last answer."""

    ask: Callable[[Sequence], np.ndarray]
    reads: str = "feeds"
    calls: int = 0  # a turn; 0: one a batch

    def __call__(self, chunk: Chunk) -> np.ndarray:
        """The answer to the last batch, [rows] or [rows, 1]."""
        return self.ask(getattr(chunk, self.reads))

    def calls_on(self, chunk: Chunk) -> int:
        """How many calls it makes."""
        batches = chunk.few if self.reads == "few" else chunk.feeds
        return self.calls or len(batches)


def base(case: Case) -> str:
    """The contender that the others are measured by; it is there twice."""
    return {OPEN: PYTHON, TOGETHER: RUST}.get(case.task, FLOOR)


def contenders(case: Case) -> dict[str, Contender]:
    """Those that the case compares, by name."""
    path, chosen = files(case.model).onnx, options(case.threads)
    if case.task == OPEN:
        packages = {RUST: rust_ext, PYTHON: onnxruntime}
        found = {name: _open(each, path, chosen) for name, each in packages.items()}
    else:
        in_python = onnxruntime.InferenceSession(path, chosen)
        sessions = {RUST: in_rust(case.model, case.threads), PYTHON: in_python}
        found = {name: _run(session) for name, session in sessions.items()}
        if case.task == TOGETHER:
            found = _together(found, case.rows)
        else:
            found |= _beyond(case, sessions)
    return {**found, base(case) + AGAIN: found[base(case)]}


def check_alike(found: Mapping[str, Contender], chunk: Chunk, case: Case) -> None:
    """Raise WorkshopError where a contender does not answer as the case's base does."""
    for feed, frame in zip(chunk.feeds, chunk.few, strict=False):
        floor = Floor(in_rust(case.model, case.threads), [feed])
        only = Chunk([feed], [frame], [frame], floor)
        wanted = found[base(case)](only).ravel()
        for name, contender in found.items():
            answer = contender(only).ravel()
            off_usd = np.abs(answer - wanted).max()
            if answer.shape != wanted.shape or not off_usd < TOLERANCE_USD:
                raise WorkshopError(
                    f"{name} is {off_usd:.3g} USD off {base(case)} ({case.what}, "
                    f"{case.rows} rows), so their times do not compare. Build the "
                    "extension and the models again: make clean, make setup."
                )


def _beyond(case: Case, sessions: Mapping[str, object]) -> dict[str, Contender]:
    """The floor, and all ways to answer but the drop-in's."""
    found = {FLOOR: Contender(lambda floor: floor.run()[0], "floor")}
    found[OUT] = _run_out(sessions[RUST], case.rows)
    if case.model == TENSOR:
        found[BINDING] = _run_bound(sessions[PYTHON], case.rows)
    else:
        found[PREDICT] = _predict(sessions[RUST])
    if case.threads == 1:  # GradientBoosting has no threads to compare with
        found[SKLEARN] = _predict(pipeline(case.model), "few")
    return found


def _run(session: object) -> Contender:
    run = session.run

    def ask(feeds: Sequence) -> np.ndarray:
        for feed in feeds:
            answer = run(None, feed)
        return answer[0]

    return Contender(ask)


def _run_out(session: rust_ext.InferenceSession, rows: int) -> Contender:
    run, out = session.run, [np.empty((rows, 1), np.float32)]

    def ask(feeds: Sequence) -> np.ndarray:
        for feed in feeds:
            run(None, feed, out=out)
        return out[0].copy()

    return Contender(ask)


def _run_bound(session: onnxruntime.InferenceSession, rows: int) -> Contender:
    """Memory bound once for input and output, which onnxruntime allows for numbers."""
    (name,) = (port.name for port in session.get_inputs())
    (output,) = (port.name for port in session.get_outputs())
    given = OrtValue.ortvalue_from_shape_and_type([rows, 6], np.float32)
    answer = np.empty((rows, 1), np.float32)
    binding = session.io_binding()
    binding.bind_ortvalue_input(name, given)
    binding.bind_ortvalue_output(output, OrtValue.ortvalue_from_numpy(answer))
    refill, run = given.update_inplace, session.run_with_iobinding

    def ask(feeds: Sequence) -> np.ndarray:
        for feed in feeds:
            refill(feed[name])
            run(binding)
        return answer.copy()

    return Contender(ask)


def _predict(model: object, reads: str = "frames") -> Contender:
    predict = model.predict

    def ask(frames: Sequence) -> np.ndarray:
        for frame in frames:
            answer = predict(frame)
        return answer

    return Contender(ask, reads)


def _together(loops: Mapping[str, Contender], rows: int) -> dict[str, Contender]:
    """The loops in one thread and in two, which share a session and the batches."""
    pool, calls = ThreadPoolExecutor(2), ROWS_TOGETHER // rows

    def share(loop: Contender, threads: int) -> Contender:
        def ask(feeds: Sequence) -> np.ndarray:
            every = [*islice(cycle(feeds), calls)]
            parts = [every[i::threads] for i in range(threads)]
            return [*pool.map(loop.ask, parts)][-1]

        return Contender(ask, calls=calls)

    return {
        name + label: share(loop, threads)
        for name, loop in loops.items()
        for threads, label in ((1, ""), (2, TWO))
    }


def _open(package: ModuleType, path: Path, chosen: SessionOptions) -> Contender:
    def ask(feeds: Sequence) -> np.ndarray:
        session = package.InferenceSession(path, chosen)
        return session.run(None, feeds[-1])[0]

    return Contender(ask, calls=1)
