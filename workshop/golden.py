"""The golden answers: rows of rides, and what scikit-learn says of each of them.

They are committed, so that every way to run a model, in whatever language, is held to
the same numbers. `python -m workshop reference golden` makes them again.
"""

import json
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import sklearn

from workshop import models
from workshop.asking import Ask
from workshop.errors import WorkshopError
from workshop.files import write_whole
from workshop.parity import Parity, compare
from workshop.paths import DATA
from workshop.rides import FEATURES, clean, read_rides, split_by_time
from workshop.trials import threshold_rows

GOLDEN = DATA / "golden"
SEED = 2015
TOLERANCE_USD = 1e-4  # float32 sums lose up to a fifth of it
FLOAT, INTEGER = np.finfo(np.float32), np.iinfo(np.int64)
NUMBERS = [None, None, None, 0.0, -0.0, FLOAT.smallest_subnormal, FLOAT.max, FLOAT.min]
TEXTS = ["", "nan", "no such zone", "é日本🚲"]
ODD = [("distance_miles", number) for number in NUMBERS]
ODD += [(zone, text) for zone in ("pickup_zone", "dropoff_zone") for text in TEXTS]
ODD += [
    (name, end)
    for name in ("hour", "weekday", "passengers")
    for end in (INTEGER.min, INTEGER.max)
]


class Golden(NamedTuple):
    """The rows, and the answers of each model in USD: NaN where it must refuse one."""

    rows: pd.DataFrame
    answers: dict[str, np.ndarray]
    tolerance_usd: float


def read(path: Path = GOLDEN / "fare.json") -> Golden:
    """The golden rows and answers."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = pd.DataFrame(found["rows"]).astype({"distance_miles": "float32"})
    answers = {name: np.array(of, float) for name, of in found["answers"].items()}
    return Golden(rows, answers, found["tolerance_usd"])


def check(golden: Golden, name: str, ask: Ask) -> Parity:
    """How far the answers are from those of the model of that name.

    Only rows that the model answers are asked. Raises WorkshopError where one differs.
    """
    want = golden.answers[name]
    (asked,) = np.isfinite(want).nonzero()
    found = compare(lambda rows: want[asked], ask, golden.rows.iloc[asked])
    if found.largest > golden.tolerance_usd or found.refused:
        raise WorkshopError(
            f"The answers to {found.rows} rows are not the golden ones of {name}: "
            f"{found.refused} are refused, the others off by up to "
            f"{found.largest:.6g} USD, most on row {asked[found.worst_row]}. Where "
            "scikit-learn itself differs, another model was trained: if it was meant, "
            "record it with python -m workshop reference golden. Where it does not, "
            "this way to run the model is wrong."
        )
    return found


def write(folder: Path = GOLDEN) -> None:
    """Ask scikit-learn, and record the rows, its answers, and the small model."""
    rows = _rows()
    document = {
        "made_by": "python -m workshop reference golden",
        "scikit-learn": sklearn.__version__,
        "seed": SEED,
        "tolerance_usd": TOLERANCE_USD,
        "rows": {name: _values(rows[name]) for name in rows},
        "answers": {name: _answers(name, rows) for name in models.MODELS},
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    write_whole(folder / "fare.json", f"{text}\n".encode())
    small = models.ensure("fare_small").onnx
    write_whole(folder / small.name, small.read_bytes())


def _rows() -> pd.DataFrame:
    """Ordinary rides, rides on thresholds of `fare`, and rides with one odd value."""
    rides = split_by_time(clean(read_rides())).test[FEATURES]
    model = models.load("fare")
    ordinary = rides.sample(16, random_state=SEED)
    edges = threshold_rows(model, rides, 6, seed=SEED)
    odd = rides.sample(len(ODD), random_state=SEED + 1, ignore_index=True)
    for row, (column, value) in enumerate(ODD):
        odd.loc[row, column] = value
    return pd.concat([ordinary, edges, odd], ignore_index=True)


def _values(column: pd.Series) -> list:
    return [None if pd.isna(value) else value for value in column.tolist()]


def _answers(name: str, rows: pd.DataFrame) -> list[float | None]:
    """The model's answers; none where its schema does not allow a missing value."""
    schema = joblib.load(models.ensure(name).joblib)["schema"]
    must_be = [entry["name"] for entry in schema if not entry["missing"]]
    answered = rows[must_be].notna().all(axis=1)
    found = pd.Series(np.nan, rows.index)
    found[answered] = models.load(name).predict(rows[answered])
    return _values(found)
