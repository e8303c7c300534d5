import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression

from workshop import models
from workshop.asking import sklearn_answers
from workshop.trials import hard_rows, threshold_rows, threshold_sweep, trials

SEED = 7
SCHEMA = [
    {"name": "distance_miles", "missing": True},
    {"name": "hour", "missing": False},
]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def small():
    models.ensure("fare_small")
    return models.load("fare_small")


def test_threshold_rows_lie_where_the_model_changes_its_mind(small, rides):
    there = threshold_rows(small, rides, 50, seed=SEED)
    outer, low, high, beyond = there["distance_miles"].to_numpy().reshape(4, -1)
    _, at_low, at_high, _ = sklearn_answers(small)(there).reshape(4, -1)
    assert (at_low != at_high).all()
    for left, right in [(outer, low), (low, high), (high, beyond)]:
        assert (np.nextafter(left, right) == right).all()
    thresholds = {
        float(node["num_threshold"])
        for (tree,) in small["model"]._predictors
        for node in tree.nodes
        if not node["is_leaf"]
    }
    assert all(
        float(a) in thresholds or float(b) in thresholds
        for a, b in zip(low, high, strict=True)
    )


def test_whole_numbers_are_moved_to_their_neighbours(small, rides):
    there = threshold_rows(small, rides, 50, column="hour", seed=SEED)
    assert there["hour"].dtype == "int64"
    outer, low, high, beyond = there["hour"].to_numpy().reshape(4, -1)
    steps = {tuple(step) for step in np.diff([outer, low, high, beyond], axis=0).T}
    assert steps <= {(1, 1, 1), (-1, -1, -1)}
    _, at_low, at_high, _ = small.predict(there).reshape(4, -1)
    assert (at_low != at_high).all()


def test_numbers_at_the_ends_of_64_bits_are_bisected_too():
    ends = np.iinfo(np.int64)
    rows = pd.DataFrame({"id": [ends.min, ends.max] * 20})
    trees = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=1)
    model = trees.fit(rows, rows["id"] > 0)
    there = threshold_rows(model, rows, 10, column="id", seed=SEED)
    _, low, high, _ = there["id"].to_numpy().reshape(4, -1)
    assert len(low) and (np.abs(high - low) == 1).all()


def test_doubles_stay_doubles_and_are_moved_by_float32():
    rows = pd.DataFrame({"a": np.random.default_rng(SEED).random(200)})
    model = HistGradientBoostingRegressor(max_iter=5).fit(rows, rows["a"])
    there = threshold_rows(model, rows, 20, column="a", seed=SEED)["a"]
    assert there.dtype == "float64"
    assert (there == there.astype("float32")).all()


def test_a_column_that_changes_nothing_has_no_thresholds(rides):
    model = LinearRegression().fit(rides[["hour"]], rides["hour"] * 0)
    assert threshold_rows(model, rides[["hour"]], 20, column="hour", seed=0).empty


def test_the_sweep_goes_by_steps_of_float32(small, rides):
    ways = {"scikit-learn": sklearn_answers(small)}
    sweep = threshold_sweep(rides.head(1), ways, steps=8)
    assert sweep["step"].tolist() == list(range(-8, 9))
    miles = sweep["distance_miles"].to_numpy()
    assert (np.nextafter(miles[:-1], miles[1:]) == miles[1:]).all()
    assert sweep["scikit-learn"][8] == small.predict(rides.head(1))


def test_hard_rows_change_one_value_at_a_time(rides):
    hard = hard_rows(rides)
    assert hard.dtypes.astype(str).tolist() == rides.dtypes.astype(str).tolist()
    assert ((hard != hard.iloc[0]).sum(axis=1) <= 1).all()
    assert {"", "nan", "é日本🚲"} <= set(hard["pickup_zone"])
    assert hard["hour"].max() == 2**63 - 1


def test_hard_rows_stay_within_the_type_of_a_column():
    small = pd.DataFrame({"n": np.uint8([7]), "yes": [True]})
    hard = hard_rows(small)
    assert hard.dtypes.astype(str).tolist() == ["uint8", "bool"]
    assert set(hard["n"]) == {7, 0}


def test_the_trials_of_the_fare_model(small, rides):
    found = trials(small, rides, SCHEMA, n=20)
    assert list(found) == [
        "rows as they are",
        "on thresholds",
        "odd values",
        "missing values",
        "missing values as None",
        "infinite values",
        "no row, one, three, many",
        "columns reversed",
        *(f"as {dtype}" for dtype in ("float64", "Float32", "Float64", "int32")),
        *(f"as {dtype}" for dtype in ("Int64", "object", "string", "category")),
    ]
    assert found["rows as they are"].rows is rides
    missing = found["missing values"].rows
    as_none = found["missing values as None"].asked
    assert {type(value) for value in as_none["distance_miles"]} == {type(None)}
    assert missing["distance_miles"].isna().all()
    assert missing.drop(columns="distance_miles").notna().all(axis=None)
    assert set(found["infinite values"].rows["distance_miles"]) == {np.inf, -np.inf}
    reversed_ = found["columns reversed"]
    assert list(reversed_.asked) == list(reversed_.rows)[::-1]
    asked = found["as float64"].asked
    assert set(asked.dtypes.astype(str)) == {"float64", "str"}
    assert found["as category"].asked["pickup_zone"].dtype == "category"


def test_infinity_is_tried_only_where_scikit_learn_takes_it(rides):
    rows = rides[["distance_miles"]]
    model = LinearRegression().fit(rows, rows["distance_miles"])
    assert trials(model, rows, [])["infinite values"].rows.empty


def test_a_type_that_cannot_hold_the_values_is_not_tried():
    rows = pd.DataFrame({"id": np.arange(2**40, 2**40 + 30), "yes": [True, False] * 15})
    model = RandomForestClassifier(2, random_state=SEED).fit(rows, rows["yes"])
    found = trials(model, rows, [])
    assert "as int32" not in found and "as Int64" in found
    assert found["as boolean"].asked["yes"].dtype == "boolean"
