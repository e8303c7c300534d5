"""Times the three ways in one process: JOBLIB ONNX THREADS PLAN SEED.

Prints samples as JSON. PLAN is JSON: by the number of rows, [batches, rounds, calls a
round].
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import onnxruntime
import pandas as pd
from threadpoolctl import threadpool_limits

import rust_ext
from workshop.asking import feeds
from workshop.errors import WorkshopError
from workshop.rides import FEATURES, clean, read_rides
from workshop.timing import Plan, need_release_build, time_calls

TOLERANCE_USD = 1e-3


class Batch(NamedTuple):
    """The same rows twice: as scikit-learn takes them, and as ONNX Runtime does."""

    frame: pd.DataFrame
    feed: dict[str, np.ndarray]


def arms(
    pickled: Path, graph: Path, threads: int = 1
) -> dict[str, Callable[[Batch], np.ndarray]]:
    """Return the calls to time, each with as many threads, which do not spin."""
    pipeline = joblib.load(pickled)["model"]
    threadpool_limits(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    in_python = onnxruntime.InferenceSession(graph, options)
    in_rust = rust_ext.InferenceSession(graph, options)
    return {
        "sklearn": lambda batch: pipeline.predict(batch.frame),
        "onnx-python": lambda batch: in_python.run(None, batch.feed)[0],
        "onnx-python again": lambda batch: in_python.run(None, batch.feed)[0],
        "onnx-rust": lambda batch: in_rust.run(None, batch.feed)[0],
        "nothing": lambda batch: None,
    }


def batches_of(rows: int, count: int, graph: Path, *, seed: int) -> list[Batch]:
    """Return batches of rides drawn without repetition, where there are so many."""
    session = onnxruntime.InferenceSession(graph)
    rides, drawn = _rides(), rows * count
    rides = rides.sample(drawn, replace=drawn > len(rides), random_state=seed)
    frames = (rides.iloc[first : first + rows] for first in range(0, len(rides), rows))
    return [Batch(frame, feeds(frame, session)) for frame in frames]


@cache
def _rides() -> pd.DataFrame:
    return clean(read_rides())[FEATURES]


def check_alike(
    arms: Mapping[str, Callable[[Batch], np.ndarray]], batches: Sequence[Batch]
) -> None:
    """Raise WorkshopError where an arm's fares are not scikit-learn's."""
    frames = [batch.frame for batch in batches]
    wanted = arms["sklearn"](Batch(pd.concat(frames), {}))  # at once: it takes longest
    ends = np.cumsum([len(frame) for frame in frames])
    for batch, fares in zip(batches, np.split(wanted, ends[:-1]), strict=True):
        for name in ("onnx-python", "onnx-rust"):
            off_usd = np.abs(arms[name](batch).ravel() - fares).max()
            if not off_usd < TOLERANCE_USD:
                raise WorkshopError(
                    f"{name} is {off_usd:.3g} USD off scikit-learn, so their times do "
                    "not compare: make the models again (delete build/fare*)."
                )


def main(
    pickled: Path, graph: Path, *, threads: int, plan: Plan, seed: int
) -> pd.DataFrame:
    """Return the samples of every number of rows in the plan."""
    need_release_build()
    calls = arms(pickled, graph, threads)
    samples = []
    for rows, (count, rounds, calls_a_round) in plan.items():
        batches = batches_of(rows, count, graph, seed=seed)
        check_alike(calls, batches)
        timed = time_calls(
            calls, batches, rounds=rounds, calls=calls_a_round, seed=seed
        )
        samples.append(timed.assign(rows=rows))
    return pd.concat(samples, ignore_index=True)


if __name__ == "__main__":
    pickled, graph, threads, plan, seed = sys.argv[1:]
    samples = main(
        Path(pickled),
        Path(graph),
        threads=int(threads),
        plan={int(rows): each for rows, each in json.loads(plan).items()},
        seed=int(seed),
    )
    print(json.dumps(samples.to_dict("list")))
