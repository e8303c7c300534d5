"""Walks through a fitted pipeline: its steps, by name, and the columns that enter."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

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


def steps(
    model: BaseEstimator, name: str = "model", columns: Sequence[str] = ()
) -> Iterator[Step]:
    """Yield the model and every step inside it, outermost first."""
    columns = list(getattr(model, "feature_names_in_", columns))
    yield Step(name, model, columns)
    for inner, estimator, given in _inside(model):
        if isinstance(estimator, BaseEstimator):
            yield from steps(estimator, inner, given or columns)


def _inside(model: BaseEstimator) -> Iterable[tuple[str, object, list[str]]]:
    if isinstance(model, ColumnTransformer):
        for name, inner, columns in model.transformers_:
            yield name, inner, _names(model, columns)
    elif isinstance(model, Pipeline):
        yield from ((name, inner, []) for name, inner in model.steps)
    elif isinstance(model, FeatureUnion):
        yield from ((name, inner, []) for name, inner in model.transformer_list)
    elif hasattr(model, "named_estimators_"):  # stacking and voting
        yield from ((name, each, []) for name, each in model.named_estimators_.items())
        if hasattr(model, "final_estimator_"):
            yield "final_estimator", model.final_estimator_, []


def _names(model: ColumnTransformer, columns: object) -> list[str]:
    if isinstance(columns, str):
        return [columns]
    known = list(getattr(model, "feature_names_in_", []))
    return [c if isinstance(c, str) else known[c] for c in columns]
