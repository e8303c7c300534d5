"""Walks through a fitted pipeline: its steps, by name, and the columns that enter."""

import reprlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline


class Step(NamedTuple):
    """One estimator or transformer inside a model."""

    name: str
    estimator: BaseEstimator
    columns: list[str]  # of the frame, that it or a step before it was given

    def __str__(self) -> str:
        """Its name and its class, as an error says them."""
        return f"the step {self.name!r} ({type(self.estimator).__name__})"

    @property
    def place(self) -> str:
        """Its name, its class, and the first of its columns."""
        return f"{self}, on the columns {reprlib.repr(self.columns)}"


def steps(
    model: BaseEstimator, name: str = "model", columns: Sequence[str] = ()
) -> Iterator[Step]:
    """Yield the model and every step inside it, outermost first."""
    columns = list(getattr(model, "feature_names_in_", columns))
    yield Step(name, model, columns)
    for step in inside(model):
        yield from steps(step.estimator, step.name, step.columns or columns)


def inside(model: BaseEstimator) -> list[Step]:
    """The steps right inside a model, without their own; columns where they differ."""
    if isinstance(model, ColumnTransformer):
        found = [
            (name, each, _names(model, name)) for name, each, _ in model.transformers_
        ]
    elif isinstance(model, Pipeline):
        found = [(name, each, []) for name, each in model.steps]
    elif isinstance(model, FeatureUnion):
        found = [(name, each, []) for name, each in model.transformer_list]
    elif hasattr(model, "named_estimators_"):  # stacking and voting
        found = [(name, each, []) for name, each in model.named_estimators_.items()]
        if hasattr(model, "final_estimator_"):
            found.append(("final_estimator", model.final_estimator_, []))
    elif hasattr(model, "calibrated_classifiers_"):
        copies = model.calibrated_classifiers_
        found = [("estimator", each.estimator, []) for each in copies]
    else:
        found = [("estimators", each, []) for each in _repeated(model)]
    return [Step(*each) for each in found if isinstance(each[1], BaseEstimator)]


def seen_by_last(model: BaseEstimator, rows: pd.DataFrame | np.ndarray) -> np.ndarray:
    """What the last step of a model gets of these rows, as an array."""
    seen = rows
    if isinstance(model, Pipeline) and len(model) > 1:
        seen = model[:-1].transform(rows)
    return seen.toarray() if issparse(seen) else np.asarray(seen)


def _repeated(model: BaseEstimator) -> list[BaseEstimator]:
    """The copies of one estimator in a bag or a chain, of which each was fitted."""
    copies = getattr(model, "estimators_", [])
    copies = list(copies.ravel() if isinstance(copies, np.ndarray) else copies)
    return [] if copies and hasattr(copies[0], "tree_") else copies


def _names(model: ColumnTransformer, branch: str) -> list[str]:
    known = getattr(model, "feature_names_in_", range(model.n_features_in_))
    return [known[at] for at in model._transformer_to_input_indices[branch]]
