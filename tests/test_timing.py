import gc
import json
import sys
import time
import types

import pandas as pd
import pytest

from workshop import served, timing
from workshop.bench import extension
from workshop.errors import WorkshopError
from workshop.launched import one_row
from workshop.models import ensure
from workshop.processes import Finished
from workshop.results import COLUMNS
from workshop.timing import time_calls, time_in_launches


def test_every_arm_is_given_the_same_batches_and_one_more_to_warm_up():
    seen = {"a": [], "b": []}
    arms = {"a": seen["a"].append, "b": seen["b"].append}
    samples = time_calls(arms, list(range(6)), rounds=3, calls=2)
    assert seen["a"] == seen["b"] == [5, 0, 1, 1, 2, 3, 3, 4, 5]
    assert samples.groupby(["arm", "round"]).size().tolist() == [2] * 6


def test_the_arms_take_turns_in_an_order_that_changes_and_that_the_seed_fixes():
    order = []
    arms = {name: lambda batch, name=name: order.append(name) for name in "abc"}
    time_calls(arms, [0], rounds=20, calls=1, seed=1)
    turns = ["".join(order[i : i + 6 : 2]) for i in range(0, len(order), 6)]
    assert all(sorted(turn) == ["a", "b", "c"] for turn in turns)
    assert len(set(turns)) > 3
    first, order[:] = list(order), []
    time_calls(arms, [0], rounds=20, calls=1, seed=1)
    assert order == first


def test_seconds_are_seconds():
    samples = time_calls({"sleep": lambda batch: time.sleep(0.005)}, [0], rounds=2)
    assert samples["seconds"].between(0.005, 0.1).mean() > 0.9


def test_the_garbage_collector_rests_while_timing_and_is_put_back():
    was = []
    time_calls({"a": lambda batch: was.append(gc.isenabled())}, [0], rounds=1)
    assert not any(was) and gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        time_calls({"a": lambda batch: 1 / batch}, [0])
    assert gc.isenabled()


def test_no_batch_is_an_error_that_says_so():
    with pytest.raises(WorkshopError, match="give one batch at least"):
        time_calls({"a": print}, [])


def test_launches_are_numbered_and_each_gets_a_seed_of_its_own(monkeypatch):
    seeds = []

    def run(command, timeout_s):
        seeds.append(command[-1])
        rows = {"arm": ["a"], "round": [0], "seconds": [0.1], "rows": [1]}
        return Finished(json.dumps(rows), "", 0, 1)

    monkeypatch.setattr(timing, "run", run)
    samples = time_in_launches(("fare.joblib", "fare.onnx"), launches=3, seed=5)
    assert samples["launch"].tolist() == [0, 1, 2]
    assert seeds == ["5", "6", "7"]
    assert set(samples.columns) == set(COLUMNS)


def test_a_fresh_process_times_the_arms_and_finds_python_slower_than_onnx():
    samples = time_in_launches(ensure("fare"), launches=1)
    counts = samples.groupby(["rows", "arm"]).size().unstack("arm")
    assert counts.index.tolist() == list(timing.PLAN)
    assert set(counts) == {
        *("sklearn", "onnx-python", "onnx-python again", "onnx-rust", "nothing")
    }
    medians = samples[samples["rows"] == 1].groupby("arm")["seconds"].median()
    assert medians["sklearn"] > 10 * medians["onnx-python"]
    assert medians["nothing"] < medians["onnx-rust"] / 10


def test_arms_that_answer_differently_are_not_timed():
    files = ensure("fare")
    batches = one_row.batches_of(3, 2, files.onnx, seed=0)
    arms = one_row.arms(*files)
    one_row.check_alike(arms, batches)
    arms["onnx-rust"] = lambda batch: arms["onnx-python"](batch) + 0.01
    with pytest.raises(WorkshopError, match=r"onnx-rust is 0\.01 USD off scikit-learn"):
        one_row.check_alike(arms, batches)
    arms["onnx-rust"] = lambda batch: arms["onnx-python"](batch) * float("nan")
    with pytest.raises(WorkshopError, match="onnx-rust is nan"):
        one_row.check_alike(arms, batches)


def test_a_batch_holds_the_same_rows_twice_and_no_two_batches_the_same_row():
    files = ensure("fare")
    batches = one_row.batches_of(1_000, 5, files.onnx, seed=0)
    rows = pd.concat([batch.frame for batch in batches])
    assert len(rows) == 5_000 and rows.index.is_unique
    for batch in batches:
        assert batch.feed["hour"].ravel().tolist() == batch.frame["hour"].tolist()


def test_a_debug_build_is_warned_about(monkeypatch):
    debug = types.SimpleNamespace(BUILD_PROFILE="debug")
    monkeypatch.setitem(sys.modules, "rust_ext", debug)
    with pytest.warns(UserWarning, match=r"debug build.*many times slower.*make setup"):
        timing.time_calls({"a": lambda _: None}, [0], rounds=1, calls=1)


@pytest.mark.parametrize(
    "timed",
    [
        lambda files: one_row.main(*files, threads=1, plan={1: (1, 1, 1)}, seed=0),
        lambda files: extension.time_cases([], seed=0),
        lambda files: served.measure({"onnx-axum": files.onnx}, [b""], launches=1),
    ],
)
def test_a_debug_build_is_not_measured(timed, monkeypatch):
    monkeypatch.setattr("rust_ext.BUILD_PROFILE", "debug")
    with pytest.raises(WorkshopError, match=r"debug build.*make setup"):
        timed(ensure("fare_small"))
