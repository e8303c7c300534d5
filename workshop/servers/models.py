"""Opens a model file for an arm; each model predicts from arrays by column name."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from workshop.errors import WorkshopError
from workshop.servers.columns import Column
from workshop.servers.problems import RequestError

LOG = logging.getLogger(__name__)
Arrays = Mapping[str, np.ndarray]
SKLEARN = ("sklearn_model", "SklearnModel")
PYTHON = ("onnx_model", "open_python")
RUST = ("onnx_model", "open_rust")
# arm: for each kind of file that it serves, the module and function that open it
ARMS = {
    "sklearn-fastapi": {".joblib": SKLEARN},
    "onnx-fastapi": {".onnx": PYTHON},
    "rust-fastapi": {".onnx": RUST},
    "noop-fastapi": {".onnx": PYTHON, ".joblib": SKLEARN},
}


def refusal(error: Exception) -> RequestError:
    """Return what a caller gets whose rows made a model fail; the log gets the rest."""
    LOG.error("the model refused rows: %s", error)
    detail = "the model cannot answer these rows; the server's log says why"
    return RequestError("wrong-rows", detail)


class Model(Protocol):
    """What the application needs of a model."""

    columns: dict[str, Column]  # by name, in the model's order
    batch: int | None  # the only number of rows that it takes; None: any

    def predict(self, arrays: Arrays) -> dict[str, Any]:
        """Return the outputs by name, each with one entry a row.

        Raises RequestError where the model cannot answer these rows.
        """


@dataclass
class NoModel:
    """The floor: takes the columns of a model, and answers 0.0 a row."""

    columns: dict[str, Column]
    batch: int | None

    def predict(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """Return zeros."""
        rows = len(next(iter(arrays.values())))
        return {"variable": np.zeros(rows, np.float32)}


def open_model(arm: str, path: Path) -> Model:
    """Return the model in a file, as this arm serves it; raises WorkshopError.

    The packages that predict are imported here, so that an arm starts with its own.
    """
    if not path.is_file():
        raise WorkshopError(f"There is no model at {path}: check --model.")
    if path.suffix not in ARMS[arm]:
        raise WorkshopError(
            f"{arm} serves a {' or '.join(ARMS[arm])} file, and {path.name} is "
            "none: give it the other file of the model."
        )
    module, function = ARMS[arm][path.suffix]
    model = getattr(import_module(f"workshop.servers.{module}"), function)(path)
    if arm == "noop-fastapi":
        return NoModel(model.columns, model.batch)
    return model
