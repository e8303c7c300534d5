import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor

from workshop import export, models, parity
from workshop.errors import WorkshopError
from workshop.rides import FEATURES, TARGET, clean, read_rides, split_by_time

SEED = 7

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def split():
    return split_by_time(clean(read_rides()))


@pytest.fixture(scope="module")
def rows(split):
    return split.test[FEATURES]


@pytest.fixture(scope="module")
def small():
    """The small fare model, and its two ways to answer."""
    session = onnxruntime.InferenceSession(models.ensure("fare_small").onnx)
    model = models.load("fare_small")
    return model, parity.sklearn_answers(model), parity.onnx_answers(session)


@pytest.fixture(scope="module")
def scaled(split):
    """A small model with a scaler in front, and its two ways to answer."""
    trees = HistGradientBoostingRegressor(max_iter=20, random_state=SEED)
    return ways(models.scaled_pipeline(trees), split)


def ways(model, split):
    model.fit(split.train[FEATURES], split.train[TARGET])
    graph = export.to_onnx(model, split.test[FEATURES])
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return model, parity.sklearn_answers(model), parity.onnx_answers(session)


def test_the_fare_model_loses_nothing_on_real_rides(small, rows):
    _, reference, candidate = small
    found = parity.compare(reference, candidate, rows)
    assert (found.rows, found.beyond, found.float32_loss_usd) == (10_190, 0, 0)
    assert 0 < found.largest_usd < 1e-5


def test_the_fare_model_loses_nothing_on_its_thresholds(small, rows):
    model, reference, candidate = small
    there = parity.threshold_rows(model, rows, 100, seed=SEED)
    assert parity.compare(reference, candidate, there).largest_usd < 1e-5


def test_nor_does_gradient_boosting(split, rows):
    trees = GradientBoostingRegressor(n_estimators=20, random_state=SEED)
    model, reference, candidate = ways(models.fare_pipeline(trees), split)
    there = parity.threshold_rows(model, rows, 100, seed=SEED)
    assert parity.compare(reference, candidate, there).largest_usd < 1e-5


def test_threshold_rows_lie_where_the_model_changes_its_mind(small, rows):
    model, reference, _ = small
    there = parity.threshold_rows(model, rows, 50, seed=SEED)
    outer, low, high, beyond = there["distance_miles"].to_numpy().reshape(4, -1)
    _, at_low, at_high, _ = reference(there).reshape(4, -1)
    assert (at_low != at_high).all()
    for left, right in [(outer, low), (low, high), (high, beyond)]:
        assert (np.nextafter(left, right) == right).all()
    thresholds = {
        float(node["num_threshold"])
        for (tree,) in model["model"]._predictors
        for node in tree.nodes
        if not node["is_leaf"]
    }
    assert all(
        float(a) in thresholds or float(b) in thresholds
        for a, b in zip(low, high, strict=True)
    )


def test_a_scaler_moves_the_fare_where_no_real_ride_shows_it(scaled, rows):
    model, reference, candidate = scaled
    assert parity.compare(reference, candidate, rows).beyond == 0
    there = parity.threshold_rows(model, rows, 200, seed=SEED)
    found = parity.compare(reference, candidate, there)
    assert found.beyond > 10
    assert 0.1 < found.largest_usd < 5
    with pytest.raises(WorkshopError, match="scaler in front of trees"):
        export.to_onnx(model, there)


def test_the_sweep_shows_the_step_that_the_scaler_moved(scaled, rows):
    model, reference, candidate = scaled
    there = parity.threshold_rows(model, rows, 200, seed=SEED)
    worst = parity.compare(reference, candidate, there).worst_row
    both = {"scikit-learn": reference, "ONNX": candidate}
    sweep = parity.threshold_sweep(there.iloc[[worst]], both)
    assert sweep["step"].tolist() == list(range(-8, 9))
    miles = sweep["distance_miles"].to_numpy()
    assert (np.nextafter(miles[:-1], miles[1:]) == miles[1:]).all()
    apart = (sweep["scikit-learn"] - sweep["ONNX"]).abs() > 0.1
    assert apart[sweep["step"] == 0].all()
    assert not apart.iloc[0] and not apart.iloc[-1]


def test_hard_rows_change_one_value_at_a_time(rows):
    hard = parity.hard_rows(rows, missing=["distance_miles"])
    assert hard.dtypes.astype(str).tolist() == rows.dtypes.astype(str).tolist()
    same = (hard == hard.iloc[0]) | (hard.isna() & hard.iloc[0].isna())
    assert ((~same).sum(axis=1) <= 1).all()
    assert {"", "nan", "é日本🚲"} <= set(hard["pickup_zone"])
    assert hard["hour"].max() == 2**63 - 1
    assert hard["distance_miles"].isna().sum() == 1
    assert not parity.hard_rows(rows).isna().any(axis=None)


def test_the_fare_model_loses_nothing_on_hard_rows(small, rows):
    _, reference, candidate = small
    hard = parity.hard_rows(rows, missing=["distance_miles"])
    assert parity.compare(reference, candidate, hard).beyond == 0


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_batches_of_any_size_agree(small, rows, n):
    _, reference, candidate = small
    found = parity.compare(reference, candidate, rows.head(n))
    assert (found.rows, found.beyond) == (n, 0)
    assert (found.worst_row is None) == (n == 0)


def test_compare_finds_the_worst_row_and_counts_the_others():
    rows = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    found = parity.compare(
        lambda frame: frame["x"].to_numpy(),
        lambda frame: np.add(frame["x"], [0.0, 0.5, -0.25]),
        rows,
        tolerance_usd=0.3,
    )
    assert (found.largest_usd, found.worst_row, found.beyond) == (0.5, 1, 1)


def test_one_missing_answer_is_as_wrong_as_can_be_and_two_agree():
    rows = pd.DataFrame({"x": [1.0, 2.0]})
    gap, whole = np.array([np.nan, 2.0]), np.array([1.0, 2.0])
    assert parity.compare(lambda _: gap, lambda _: gap, rows).largest_usd == 0
    assert parity.compare(lambda _: whole, lambda _: gap, rows).largest_usd == np.inf


def test_compare_says_what_the_reference_loses_on_float32():
    rng = np.random.default_rng(SEED)
    doubles = pd.DataFrame(rng.random((2000, 3)), columns=list("abc"))
    trees = HistGradientBoostingRegressor(max_iter=20, random_state=SEED)
    model = trees.fit(doubles, doubles["a"] * 3 + doubles["b"])
    graph = export.to_onnx(model, doubles)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    found = parity.compare(
        parity.sklearn_answers(model), parity.onnx_answers(session), doubles
    )
    assert found.largest_usd < 1e-5
    assert found.float32_loss_usd > 1e-3


def test_feeds_go_by_name_whatever_the_order_of_the_columns(small, rows):
    session = onnxruntime.InferenceSession(models.ensure("fare_small").onnx)
    straight = parity.feeds(rows.head(5), session)
    shuffled = parity.feeds(rows.head(5)[FEATURES[::-1]].assign(tip=1), session)
    assert list(straight) == FEATURES
    for name, array in straight.items():
        assert array.shape == (5, 1)
        assert array.dtype == shuffled[name].dtype
        assert (array == shuffled[name]).all()
    dtypes = [str(array.dtype) for array in straight.values()]
    assert dtypes == ["float32", "object", "object", "int64", "int64", "int64"]
