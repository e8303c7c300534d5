"""The models of the workshop, and the files under build/ that hold them."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import onnx
import pandas as pd
import skl2onnx
import sklearn
from google.protobuf.message import DecodeError
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from workshop import conversion, export, faithful
from workshop.errors import WorkshopError
from workshop.files import ModelFiles, write_whole
from workshop.paths import BUILD
from workshop.progress import turns
from workshop.rides import (
    FEATURES,
    NUMBERS,
    TARGET,
    UNITS,
    ZONES,
    clean,
    read_rides,
    split_by_time,
)

SEED = 2015
EXPORTER = (conversion, faithful)  # what they do decides what a file holds
BANDS, SIDES = range(1, 9), ("west", "middle", "east")
ZONE_NUMBERS = {f"{b}-{s}": i for i, (b, s) in enumerate(product(BANDS, SIDES))}
MODELS = ("fare", "fare_small", "fare_large", "gbr", "forest")


def fare_pipeline(estimator: BaseEstimator) -> Pipeline:
    """The zones one-hot encoded, the numbers passed on, then the estimator."""
    zones = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [("zones", zones, ["pickup_zone", "dropoff_zone"])],
        remainder="passthrough",
    )
    return Pipeline([("columns", columns), ("model", estimator)])


def scaled_pipeline(
    estimator: BaseEstimator, numbers: Sequence[str] = NUMBERS
) -> Pipeline:
    """The fare pipeline with its numbers scaled, which no tree needs."""
    zones = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [
            ("zones", zones, ["pickup_zone", "dropoff_zone"]),
            ("numbers", StandardScaler(), list(numbers)),
        ],
        remainder="passthrough",
    )
    return Pipeline([("columns", columns), ("model", estimator)])


class Tariff(RegressorMixin, BaseEstimator):
    """The meter of 2015 on a free road: 2.50 USD, and 0.50 for each fifth of a mile."""

    def fit(self, rides: pd.DataFrame, fares: pd.Series) -> "Tariff":
        """The tariff as it is: it has nothing to learn."""
        return self

    def predict(self, rides: pd.DataFrame) -> np.ndarray:
        """The fares in USD."""
        return 2.5 + 2.5 * rides["distance_miles"].to_numpy(dtype=float)


def baselines() -> dict[str, BaseEstimator]:
    """What a model has to beat, not fitted: the median fare, and the tariff."""
    return {"median": DummyRegressor(strategy="median"), "tariff": Tariff()}


def fare_model(name: str = "fare") -> Pipeline:
    """The pipeline of that name, not fitted yet."""
    trees = {"fare": 200, "fare_small": 20, "fare_large": 1000}
    if name in trees:
        hist = HistGradientBoostingRegressor(
            max_iter=trees[name], early_stopping=False, random_state=SEED
        )
        return fare_pipeline(hist)
    if name == "gbr":
        return fare_pipeline(GradientBoostingRegressor(random_state=SEED))
    if name == "forest":
        forest = RandomForestRegressor(300, max_depth=10, random_state=SEED)
        return fare_pipeline(forest)
    raise WorkshopError(
        f"There is no model {name!r}. Choose one of: {', '.join(MODELS)}."
    )


@contextmanager
def steady_threads() -> Iterator[None]:
    """One OpenMP thread, and each tree of a forest on a thread of its own.

    OpenMP's threads wait for each other in a loop: two of them on a busy machine of
    two cores took twenty times as long for a fit as one.
    """
    with threadpool_limits(1), joblib.parallel_config("threading", n_jobs=-1):
        yield


def ensure(name: str = "fare", *, force: bool = False) -> ModelFiles:
    """The files of a fare model; fitted and exported first where they are not sound."""
    pipeline, files = fare_model(name), _files(name)
    if force or not _sound(files, pipeline):
        rides = split_by_time(clean(read_rides()))
        with steady_threads():
            pipeline.fit(rides.train[FEATURES], rides.train[TARGET])
        with threadpool_limits(1):  # joblib's threads would wait longer than they work
            graph = export.to_onnx(pipeline, rides.test[FEATURES], units=UNITS)
        _write(files, pipeline, graph, export.schema_of(graph))
    return files


def ensure_iris(*, force: bool = False) -> ModelFiles:
    """The files of the post's model: a default forest on iris, one input of width 4."""
    forest = RandomForestClassifier(random_state=SEED)
    return _ensure_array("iris", forest, lambda: load_iris(return_X_y=True), force)


def ensure_tensor(*, force: bool = False) -> ModelFiles:
    """The files of `gbr`'s estimator on one input of width 6: see `as_tensor`."""

    def data() -> tuple[np.ndarray, np.ndarray]:
        rides = split_by_time(clean(read_rides())).train
        return as_tensor(rides), rides[TARGET]

    booster = GradientBoostingRegressor(random_state=SEED)
    return _ensure_array("gbr_tensor", booster, data, force)


def as_tensor(rides: pd.DataFrame) -> np.ndarray:
    """The rides as one float32 array [rows, 6], in which a zone is a number."""
    zones = rides[ZONES].apply(lambda zone: zone.map(ZONE_NUMBERS))
    return np.ascontiguousarray(rides[FEATURES].assign(**zones).to_numpy(np.float32))


def _ensure_array(
    name: str, model: BaseEstimator, data: Callable[[], tuple], force: bool
) -> ModelFiles:
    """The files of a model of plain numbers; fitted first where they are not sound."""
    files = _files(name)
    if force or not _sound(files, model):
        rows, target = data()
        rows = rows.astype(np.float32)
        graph = export.array_to_onnx(model.fit(rows, target), rows)
        _write(files, model, graph, [])
    return files


def load(name: str = "fare") -> Pipeline:
    """The fitted pipeline of that name, from its joblib file."""
    return joblib.load(ensure(name).joblib)["model"]


def load_each(names: Sequence[str]) -> dict[str, Pipeline]:
    """The fitted pipelines of those names, saying how far it is: fitting takes long."""
    return {names[turn]: load(names[turn]) for turn in turns(len(names), "model")}


def _files(name: str) -> ModelFiles:
    return ModelFiles(BUILD / f"{name}.joblib", BUILD / f"{name}.onnx")


def _write(
    files: ModelFiles, model: BaseEstimator, graph: onnx.ModelProto, schema: list[dict]
) -> None:
    pickled = io.BytesIO()
    joblib.dump({"model": model, "schema": schema}, pickled)
    write_whole(files.joblib, pickled.getvalue())
    for key, value in _origin(files, model).items():
        graph.metadata_props.add(key=key, value=value)
    export.save(graph, files.onnx)


def _origin(files: ModelFiles, model: BaseEstimator) -> dict[str, str]:
    """What the ONNX file says of its making: estimator, versions, and its twin."""
    exporter = b"".join(Path(part.__file__).read_bytes() for part in EXPORTER)
    return {
        "fare.pipeline": repr(model),
        "fare.scikit-learn": sklearn.__version__,
        "fare.skl2onnx": skl2onnx.__version__,
        "fare.exporter-sha256": hashlib.sha256(exporter).hexdigest(),
        "fare.joblib-sha256": hashlib.sha256(files.joblib.read_bytes()).hexdigest(),
    }


def _sound(files: ModelFiles, model: BaseEstimator) -> bool:
    """Whether both files are whole, belong together, and hold what is asked for."""
    try:
        found = onnx.load(files.onnx).metadata_props
        wanted = _origin(files, model)
    except (FileNotFoundError, DecodeError):
        return False
    return wanted.items() <= {entry.key: entry.value for entry in found}.items()
