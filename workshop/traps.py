"""What skl2onnx 1.20 is known to write down wrongly, found before it is tried."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from workshop.errors import WorkshopError
from workshop.steps import Step, seen_by_last, steps

HISTOGRAM_TREES = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


class Trap(NamedTuple):
    """One thing that converts without an error, and then answers otherwise."""

    name: str
    caught: Callable[[Step], bool]
    why: str
    remedy: str


def _is(
    kinds: type | tuple[type, ...], test: Callable[[BaseEstimator], bool]
) -> Callable[[Step], bool]:
    """Whether a step is of these kinds, and the test holds for it."""
    return lambda step: isinstance(step.estimator, kinds) and test(step.estimator)


TRAPS = (
    Trap(
        "categorical_features",
        _is(HISTOGRAM_TREES, lambda trees: np.any(trees.is_categorical_)),
        "its splits by category are written down as splits by number",
        "One-hot encode these columns, and leave categorical_features out.",
    ),
    Trap(
        "loss with a logarithm",
        _is(
            HISTOGRAM_TREES,
            lambda t: getattr(t, "loss", "") in ("poisson", "gamma"),
        ),
        "the exponential of its loss is left out, so every answer is wrong",
        "Fit loss='squared_error'; to the logarithm of the target, if need be.",
    ),
    Trap(
        "indicator of gaps",
        _is((SimpleImputer, KNNImputer), lambda imputer: imputer.add_indicator),
        "the columns that say where a value was missing are left out",
        "Add them to the DataFrame before you fit, and leave add_indicator out.",
    ),
    Trap(
        "column dropped at fit",
        _is(
            SimpleImputer,
            lambda i: not i.keep_empty_features and pd.isna(i.statistics_).any(),
        ),
        "a column without any value is dropped by scikit-learn, and kept in the graph",
        "Leave such columns out before you fit.",
    ),
    Trap(
        "unknown category with a number",
        _is(OrdinalEncoder, lambda encoder: encoder.handle_unknown == "error"),
        "scikit-learn refuses an unknown category, and the graph answers as if it "
        "were a known one",
        "Use OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1).",
    ),
    Trap(
        "missing text with a number",
        _is(
            OrdinalEncoder, lambda e: any(pd.isna(each).any() for each in e.categories_)
        ),
        "the number that stands for missing text is left out",
        "Fill the text before you fit: frame.fillna({column: 'none'}).",
    ),
    Trap(
        "rare categories",
        _is(
            OneHotEncoder,
            lambda encoder: encoder.handle_unknown in ("infrequent_if_exist", "warn"),
        ),
        "scikit-learn takes an unknown category for a rare one, and the graph refuses",
        "Use handle_unknown='ignore', and join rare categories before you fit.",
    ),
)


def refuse_traps(model: BaseEstimator, frame: pd.DataFrame) -> None:
    """Raise WorkshopError for the first known trap: the step, its columns, a remedy."""
    for step in steps(model):
        for trap in TRAPS:
            if trap.caught(step):
                raise trapped(step, trap.why, trap.remedy)
        if _has_trees(step.estimator) and (gaps := _gaps_that_reach(model, frame)):
            raise trapped(
                Step(step.name, step.estimator, gaps),
                "the branch that its trees learned for missing numbers is lost",
                "Put a SimpleImputer in front, or use HistGradientBoosting.",
            )


def trapped(step: Step, why: str, remedy: str) -> WorkshopError:
    """The error that names a step and its columns, says why, and what to do."""
    return WorkshopError(f"The model is not written: in {step.place}, {why}. {remedy}")


def _has_trees(model: BaseEstimator) -> bool:
    """Whether it is a tree, a forest, or a bag of trees of scikit-learn."""
    inner = next(iter(getattr(model, "estimators_", [model])))
    return hasattr(inner, "tree_")


def _gaps_that_reach(model: BaseEstimator, frame: pd.DataFrame) -> list[str]:
    """The number columns with gaps, if the last step gets to see any of them."""
    numbers = frame.select_dtypes("number")
    gaps = [name for name in numbers if numbers[name].hasnans]
    seen = seen_by_last(model, frame[numbers.isna().any(axis=1)]) if gaps else []
    return gaps if pd.isna(seen).any() else []
