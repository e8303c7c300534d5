"""A scikit-learn pipeline behind the application."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import sklearn
from threadpoolctl import threadpool_limits

from workshop.errors import WorkshopError
from workshop.servers.columns import Column
from workshop.servers.models import refusal


class SklearnModel:
    """A fitted pipeline; its outputs have the names that skl2onnx gives them.

    The file holds a dict: ``model``, and ``schema`` with one entry a column. An empty
    schema means a model of plain arrays: one column X of its features. The process
    predicts on one thread from here on, as the other arms do.
    """

    batch = None

    def __init__(self, path: Path) -> None:
        """Open the file; raises WorkshopError for what cannot be served."""
        try:
            kept = joblib.load(path)
            self.model, schema = kept["model"], kept["schema"]
            columns = [Column.from_schema(entry) for entry in schema]
            self.plain = not columns
            if self.plain:
                width = self.model.n_features_in_
                columns = [Column("X", "X", np.dtype("float32"), width=width)]
        except (
            *(pickle.UnpicklingError, EOFError, OSError, ValueError, ImportError),
            *(AttributeError, IndexError, KeyError, TypeError),
        ) as error:
            raise WorkshopError(
                f"{path.name} does not hold a dict of 'model' and 'schema' "
                f"({type(error).__name__}: {error}): make it again with notebook 01."
            ) from None
        self.columns = {column.name: column for column in columns}
        threadpool_limits(1)

    def predict(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return the predictions, and the probabilities where the model has them."""
        if self.plain:
            rows = arrays["X"].reshape(len(arrays["X"]), -1)
        else:
            rows = pd.DataFrame(dict(map(self._with_nan, arrays.items())), copy=False)
        try:
            # The body was checked: no second look for NaN and infinity.
            with sklearn.config_context(assume_finite=True):
                return self._outputs(rows)
        except ValueError as error:
            raise refusal(error) from None

    def _with_nan(self, item: tuple[str, np.ndarray]) -> tuple[str, np.ndarray]:
        """Return a column, NaN where text is missing: pandas keeps a lone None."""
        name, array = item
        if array.dtype.kind == "O" and self.columns[name].missing:
            array = np.where(np.equal(array, None), np.nan, array)
        return name, array

    def _outputs(self, rows: pd.DataFrame | np.ndarray) -> dict[str, Any]:
        if not hasattr(self.model, "predict_proba"):
            return {"variable": self.model.predict(rows)}
        label = self.model.predict(rows)
        return {
            "label": label.astype(int) if label.dtype == bool else label,
            "probabilities": self.model.predict_proba(rows),
        }
