"""One process a prediction, as the post timed it: launched in turns, stage by stage."""

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris
from uv import find_uv_bin

from workshop.errors import WorkshopError
from workshop.files import ModelFiles
from workshop.paths import BUILD, ROOT
from workshop.processes import Finished, run
from workshop.progress import turns
from workshop.servers.rust import rust_ext

WHOLE = "whole process"
STAGES = ("start", "imports", "load", "first prediction", "exit")
STAMPS = ("main", "library", "loaded", "predicted")  # between one stage and the next
LAUNCHED = ROOT / "workshop" / "launched"


def commands(model: ModelFiles) -> dict[str, list[str]]:
    """Return the command line of each arm, all for the same six irises."""
    body = BUILD / "iris_body.json"
    irises = load_iris().data[::25].round(1).tolist()
    body.write_text(json.dumps({"instances": [{"X": each} for each in irises]}))
    library = ["--ort-library", str(rust_ext().onnxruntime_library()), "--stages"]
    predict = str(rust_ext().binary("fare-predict"))
    return {
        "sklearn": _python("iris_sklearn.py", model.joblib, body),
        "onnx-python": _python("iris_onnx.py", model.onnx, body),
        "onnx-rust": [predict, str(model.onnx), str(body), *library],
    }


def through_uv(command: Sequence[str]) -> list[str]:
    """Return the command as the post launched it: by `uv run`, offline here."""
    python, *rest = command
    uv = [find_uv_bin(), "run", "--offline", "--no-project", "--python", python]
    return [*uv, "python", *rest]


def launch(
    commands: Mapping[str, Sequence[str]], *, launches: int = 10, seed: int = 0
) -> pd.DataFrame:
    """Return the seconds of each launch, whole and by stage, as samples.

    Each round launches every command once, in an order of its own, after one launch
    that is not counted. Raises WorkshopError where answers differ or a process fails.
    """
    rng = np.random.default_rng(seed)
    samples, answers = [], {}
    for turn in turns(launches + 1, "launch of every arm"):
        for arm in rng.permutation(list(commands)):
            done = run(commands[arm])
            answers[str(arm)] = _answer(done)
            if turn == 0:
                continue
            samples += [
                {"arm": str(arm), "what": what, "launch": turn - 1, "seconds": seconds}
                for what, seconds in _durations(done).items()
            ]
        _check_alike(answers)
    return pd.DataFrame(samples).assign(rows=6, threads=1, round=0)


def _python(script: str, model: Path, body: Path) -> list[str]:
    return [sys.executable, str(LAUNCHED / script), str(model), str(body)]


def _answer(done: Finished) -> list[int]:
    """Return the predicted species: fare-predict tells the probabilities too."""
    predictions = json.loads(done.stdout)["predictions"]
    return [each["label"] if isinstance(each, dict) else each for each in predictions]


def _durations(done: Finished) -> dict[str, float]:
    stamps = json.loads(done.stderr.splitlines()[-1])
    times = [done.began_ns, *(stamps[name] for name in STAMPS), done.ended_ns]
    seconds = [(after - before) / 1e9 for before, after in pairwise(times)]
    named = {f"stage: {name}": s for name, s in zip(STAGES, seconds, strict=True)}
    return {WHOLE: (done.ended_ns - done.began_ns) / 1e9, **named}


def _check_alike(answers: Mapping[str, list[int]]) -> None:
    if len({json.dumps(answer) for answer in answers.values()}) > 1:
        raise WorkshopError(
            f"The arms answer differently, so their times do not compare: {answers}. "
            "Make the models again: delete build/iris.joblib and build/iris.onnx."
        )
