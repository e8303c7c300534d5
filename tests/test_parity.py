import json
from functools import partial

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

import rust_ext
from workshop import models
from workshop.arms import SERVED_ARMS
from workshop.asking import onnx_answers, sklearn_answers
from workshop.conversion import convert, open_graph
from workshop.export import schema_of
from workshop.parity import compare, contract, passes
from workshop.processes import run
from workshop.rides import FEATURES, TARGET, clean, read_rides, split_by_time
from workshop.serving import ask, body, serve
from workshop.trials import Trial, threshold_rows, threshold_sweep, trials

SEED = 7

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def fare():
    """The fare model, what it is tried with, and its graph's file."""
    files = models.ensure("fare")
    model = models.load("fare")
    rows = split_by_time(clean(read_rides())).test[FEATURES]
    schema = schema_of(convert(model, rows))
    schema[0]["missing"] = True
    return model, trials(model, rows, schema), files


@pytest.mark.parametrize("way", ["Python", "Rust", "predict"])
def test_the_fare_model_passes_in_process(fare, way):
    model, tried, files = fare
    library = onnxruntime if way == "Python" else rust_ext
    session = library.InferenceSession(files.onnx)
    by_session = session.predict if way == "predict" else onnx_answers(session, model)
    table = contract(sklearn_answers(model), by_session, tried)
    assert passes(table)
    assert (table["beyond"] + table["lost"]).sum() == 0
    assert table.loc["rows as they are", "rows"] == 10_190
    assert 0 < table["largest"].max() < 1e-4  # USD
    assert table["rows"].sum() > 11_000


def served(tried: dict[str, Trial]) -> dict[str, Trial]:
    """What can be sent as JSON, which has no infinity, and tells 5.0 from 5."""
    some = tried["rows as they are"].rows.sample(1000, random_state=SEED)
    spare = {"infinite values", "as float64"}
    kept = {name: trial for name, trial in tried.items() if name not in spare}
    return kept | {"rows as they are": Trial(some)}


@pytest.mark.parametrize("arm", SERVED_ARMS)
def test_the_fare_model_passes_where_it_is_served(fare, arm):
    model, tried, files = fare
    with serve(arm, files.served_by(arm)) as url:
        by_http = partial(ask, url)
        table = contract(sklearn_answers(model), by_http, served(tried))
    assert passes(table)
    assert table["largest"].max() < 1e-4  # USD
    assert table["rows"].sum() > 2000


def test_the_fare_model_passes_in_the_program(fare, tmp_path):
    model, tried, files = fare
    program = [rust_ext.binary("fare-predict"), files.onnx, tmp_path / "body.json"]
    program += ["--ort-library", rust_ext.onnxruntime_library()]

    def by_program(rows):
        (tmp_path / "body.json").write_bytes(body(rows))
        return json.loads(run([*map(str, program)]).stdout)["predictions"]

    table = contract(sklearn_answers(model), by_program, served(tried))
    assert passes(table)
    assert table["largest"].max() < 1e-4  # USD


@pytest.fixture(scope="module")
def scaled():
    """A small model with a scaler in front, its two ways to answer, and rides."""
    split = split_by_time(clean(read_rides()))
    trees = HistGradientBoostingRegressor(max_iter=20, random_state=SEED)
    model = models.scaled_pipeline(trees)
    model.fit(split.train[FEATURES], split.train[TARGET])
    rows = split.test[FEATURES]
    session = open_graph(convert(model, rows))
    return model, sklearn_answers(model), onnx_answers(session, model), rows


def test_a_scaler_moves_the_fare_where_no_real_ride_shows_it(scaled):
    model, *ways, rows = scaled
    assert compare(*ways, rows).beyond == 0
    there = threshold_rows(model, rows, 200, seed=SEED)
    found = compare(*ways, there)
    assert found.wrong == found.beyond > 10
    assert 0.1 < found.largest < 5
    table = contract(*ways, {"on thresholds": Trial(there)})
    assert not passes(table)
    sweep = threshold_sweep(
        there.iloc[[found.worst_row]], dict(zip("sg", ways, strict=True))
    )
    apart = (sweep["s"] - sweep["g"]).abs() > 0.1
    assert apart[sweep["step"] == 0].all()
    assert not apart.iloc[0] and not apart.iloc[-1]


def ask_for(values):
    """A way to answer that has one value for each row, and refuses a row with None."""

    def answer(rows):
        found = [values[at] for at in rows.index]
        if None in found:
            raise ValueError("refused")
        return np.array(found, dtype=float)

    return answer


def rows_of(count):
    return pd.DataFrame({"x": np.zeros(count)})


def test_compare_finds_the_worst_row_and_counts_the_others():
    reference, candidate = ask_for([1, 2, 3]), ask_for([1, 2.5, 2.75])
    found = compare(reference, candidate, rows_of(3), tolerance=0.1)
    assert (found.largest, found.worst_row, found.beyond) == (0.5, 1, 1)
    assert (found.wrong, found.lost, found.refused, found.unrefused) == (1, 0, 0, 0)


def test_the_tolerance_grows_with_the_answer_from_one_on():
    reference, candidate = ask_for([0.01, 100, 1e9]), ask_for([0.05, 105, 1.2e9])
    found = compare(reference, candidate, rows_of(3), tolerance=0.1)
    assert (found.beyond, found.worst_row, found.largest) == (1, 2, pytest.approx(2e8))


def test_one_missing_answer_is_as_wrong_as_can_be_and_two_agree():
    gap, whole = ask_for([np.nan, 2.0]), ask_for([1.0, 2.0])
    assert compare(gap, gap, rows_of(2)).largest == 0
    for pair in [(gap, whole), (whole, gap)]:
        found = compare(*pair, rows_of(2))
        assert (found.largest, found.beyond, found.worst_row) == (np.inf, 1, 0)


def test_answers_beyond_float32_are_all_the_same():
    far, near = ask_for([1e300, -np.inf]), ask_for([np.inf, -1e39])
    assert compare(far, near, rows_of(2)).largest == 0


def test_refusals_are_counted_on_either_side():
    some, others = ask_for([1, None, None, 4, 5]), ask_for([1, 2, None, None, 9])
    found = compare(some, others, rows_of(5))
    assert (found.refused, found.unrefused) == (1, 1)
    assert (found.beyond, found.worst_row) == (1, 4)
    assert not passes(contract(some, others, {"all": Trial(rows_of(5))}))
    same = contract(some, some, {"all": Trial(rows_of(5))})
    assert passes(same)
    for column in ("wrong", "refused", "unrefused"):
        assert not passes(same.assign(**{column: 1}))


def test_masked_answers_are_not_compared():
    def masked(rows):
        return np.ma.array([1.0, 2.0], mask=[False, True])

    found = compare(masked, ask_for([1.0, 7.0]), rows_of(2))
    assert (found.beyond, found.largest) == (0, 0)


def test_the_float32_of_the_reference_is_set_apart():
    rows = pd.DataFrame({"x": [0.1, 0.5]})

    def reference(given):
        return np.where(given["x"].astype(float) > 0.1, 7.0, 3.0)

    found = compare(reference, ask_for([7.0, 7.0]), rows)
    assert (found.beyond, found.wrong, found.lost) == (1, 0, 1)
    assert (found.largest, found.float32_loss) == (4, 4)
    assert passes(contract(reference, ask_for([7.0, 7.0]), {"all": Trial(rows)}))


def test_what_the_reference_loses_on_float32_is_reported():
    rng = np.random.default_rng(SEED)
    doubles = pd.DataFrame(rng.random((2000, 3)), columns=list("abc"))
    trees = HistGradientBoostingRegressor(random_state=SEED)
    model = trees.fit(doubles, doubles["a"] * 3 + doubles["b"])
    ask_graph = onnx_answers(open_graph(convert(model, doubles)), model)
    found = compare(sklearn_answers(model), ask_graph, doubles)
    assert found.largest < 1e-5  # although the graph gets float32,
    assert found.float32_loss > 1e-3  # which scikit-learn answers otherwise
    assert found.lost > 10 and found.wrong == 0


def test_rows_are_asked_in_batches_of_any_size():
    sizes = []

    def candidate(rows):
        sizes.append(len(rows))
        return np.zeros(len(rows))

    trial = {"all": Trial(rows_of(9), in_batches=True)}
    assert passes(contract(ask_for([0] * 9), candidate, trial))
    assert sizes == [0, 1, 3, 5]


def test_no_row_may_be_refused_but_not_answered():
    def odd(rows):
        return np.ones(max(1, len(rows)))

    def strict(rows):
        return ask_for([1] * 9)(rows) if len(rows) else ask_for([None])(rows_of(1))

    trial = {"batches": Trial(rows_of(9), in_batches=True)}
    assert contract(ask_for([1] * 9), odd, trial)["wrong"].item() == 9
    assert passes(contract(ask_for([1] * 9), strict, trial))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_have_a_parity_too(n):
    found = compare(ask_for([1, 2]), ask_for([1, 2]), rows_of(n))
    assert (found.rows, found.beyond) == (n, 0)
    assert (found.worst_row is None) == (n == 0)


def test_the_candidate_is_asked_as_the_trial_says():
    rows = rows_of(2)
    other = rows.assign(x=[5.0, 6.0])
    table = contract(
        ask_for([5, 6]),
        lambda given: given["x"].to_numpy(),
        {"other": Trial(rows, other)},
    )
    assert passes(table) and table.loc["other", "largest"] == 0
