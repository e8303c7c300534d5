"""The shares of a call's time go to whom they belong."""

import numpy as np
import pandas as pd
import pytest

from workshop import models
from workshop.profiled import PARTS, REST, shares


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (lambda n: pd.DataFrame({"a": range(n)}).groupby("a").sum(), "pandas"),
        (lambda n: np.linalg.svd(np.eye(2 * n)), "numpy and scipy"),
        (lambda n: sorted(range(1000 * n, 0, -1)), REST),
    ],
)
def test_a_compiled_function_counts_for_its_caller(call, most):
    found = shares(call, [100] * 5)
    assert list(found.index) == [*PARTS, REST]
    assert found.sum() == pytest.approx(100)
    assert found.idxmax() == most


def test_of_a_larger_model_the_trees_take_a_larger_share(rides, one_thread):
    batches = [rides.iloc[[row]] for row in range(20)]
    small, large = (
        shares(models.load(name).predict, batches) for name in ("fare_small", "fare")
    )
    assert small["the trees"] < large["the trees"] < large.drop("the trees").sum()
    assert large[["pandas", "scikit-learn's columns and checks"]].min() > 5
