"""The benchmark: contenders answer alike, and bars are judged by what noise can do."""

import dataclasses
import mmap

import numpy as np
import pandas as pd
import pytest

from workshop import models, results
from workshop.bench import bars, cases, cli, contenders, extension, memory
from workshop.bench.bars import BARS, Bar, judge, judged
from workshop.bench.cases import COLUMNS, FULL, OPEN, QUICK, TENSOR, TOGETHER, Case
from workshop.bench.contenders import AGAIN, FLOOR, OUT, PYTHON, RUST, TWO
from workshop.errors import WorkshopError
from workshop.results import Result
from workshop.stats import Interval

ONE = Case(TENSOR)


def made_up(case, seconds, *, rounds=40, spread=0.002):
    """Samples of a case: each contender's seconds, with a little noise."""
    rng = np.random.default_rng(0)
    rows = [
        (arm, turn, middle * rng.lognormal(0, spread))
        for turn in range(rounds)
        for arm, middle in seconds.items()
    ]
    samples = pd.DataFrame(rows, columns=["arm", "round", "seconds"])
    kind = {"what": case.what, "rows": case.rows, "threads": case.threads}
    return samples.assign(**kind, launch=0)


def verdicts(case, seconds, **options):
    """Limit and verdict of each bar of the case, by what it says."""
    table = judged(made_up(case, seconds, **options))
    return {row["bar"]: (row["limit"], row["verdict"]) for _, row in table.iterrows()}


@pytest.mark.parametrize("model", [TENSOR, COLUMNS])
def test_the_floor_gives_the_extensions_answers(model):
    case = Case(model)
    for chunk in cases.chunks(case, seed=0)[:2]:
        for feed in chunk.feeds[:20]:
            (answer,) = cases.Floor(cases.in_rust(model, 1), [feed]).run()
            (wanted,) = cases.in_rust(model, 1).run(None, feed)
            assert answer.dtype == wanted.dtype and np.array_equal(answer, wanted)
        (last,) = chunk.floor.run()
        assert np.array_equal(
            last, cases.in_rust(model, 1).run(None, chunk.feeds[-1])[0]
        )


@pytest.mark.parametrize("case", [*QUICK, Case(COLUMNS, threads=2)], ids=str)
def test_all_contenders_answer_alike(case):
    found, chunk = contenders.contenders(case), cases.chunks(case, seed=1)[0]
    contenders.check_alike(found, chunk, case)
    base = contenders.base(case)
    assert {base, base + AGAIN} <= set(found)


@pytest.mark.parametrize("rows", [1, 10, 100])
@pytest.mark.parametrize("model", [TENSOR, COLUMNS])
def test_all_but_scikit_learn_make_as_many_calls_a_turn(model, rows):
    case = Case(model, rows)
    found, chunk = contenders.contenders(case), cases.chunks(case, seed=0)[0]
    calls = {name: each.calls_on(chunk) for name, each in found.items()}
    wanted = cases.CALLS.get(rows, 1)
    assert calls.pop(contenders.SKLEARN) == min(cases.SLOW_CALLS, wanted)
    assert len(calls) > 4 and set(calls.values()) == {wanted}
    assert len(chunk.frames) == len(chunk.feeds) == wanted


@pytest.mark.parametrize("wrong", [0.01, np.nan])
def test_a_wrong_contender_stops_the_bench_before_it_is_timed(monkeypatch, wrong):
    def with_a_wrong_one(case):
        found = contenders.contenders(case)
        right = found[RUST]
        off = right._replace(ask=lambda feeds: right.ask(feeds) + wrong)
        return {**found, RUST: off}

    monkeypatch.setattr(extension, "contenders", with_a_wrong_one)
    monkeypatch.setattr(extension, "time_calls", lambda *_, **__: pytest.fail("timed"))
    with pytest.raises(WorkshopError, match=f"rust_ext is {wrong} USD off floor"):
        extension.time_case(ONE)


def test_an_answer_of_another_shape_is_wrong():
    found, chunk = contenders.contenders(ONE), cases.chunks(ONE, seed=0)[0]
    one = found[RUST]
    found[RUST] = one._replace(ask=lambda feeds: np.repeat(one.ask(feeds), 2))
    with pytest.raises(WorkshopError, match="do not compare"):
        contenders.check_alike(found, chunk, ONE)


def test_a_slowed_contender_is_seen(monkeypatch):
    def slowed(case):
        found = contenders.contenders(case)
        once = found[RUST]
        twice = once._replace(ask=lambda feeds: (once.ask(feeds), once.ask(feeds))[1])
        return {name: found[name] for name in (FLOOR, FLOOR + AGAIN)} | {
            RUST: once,
            "twice": twice,
        }

    monkeypatch.setattr(extension, "contenders", slowed)
    samples = extension.time_case(ONE).assign(launch=0)
    ratio = bars.stats.paired_ratio(samples, "twice", RUST)
    assert ratio.low > 1.5
    assert judge(ratio, bars.noise(samples, ONE), Bar("", ONE, "", "", 1.1)) == "missed"


def test_batches_are_all_different_unless_the_row_is_to_be_the_same():
    chunks = cases.chunks(ONE, seed=0)
    rows = {feed["X"].tobytes() for chunk in chunks for feed in chunk.feeds}
    assert len(rows) > 3_900  # of 4,000 rides, some are alike in the six columns
    assert len({id(feed) for chunk in chunks for feed in chunk.feeds}) == 4_000
    (same,) = {
        id(f) for f in cases.chunks(Case(TENSOR, same_row=True), seed=0)[0].feeds
    }
    assert same


def test_a_bar_is_met_or_missed_only_where_noise_cannot_have_done_it():
    bar = Bar("", ONE, RUST, FLOOR, 1.35)
    assert judge(Interval(1.2, 1.19, 1.21, 1), 1.01, bar) == "met"
    assert judge(Interval(1.5, 1.49, 1.51, 1), 1.01, bar) == "missed"
    assert judge(Interval(1.3, 1.2, 1.4, 1), 1.01, bar) == "within noise"
    assert judge(Interval(1.34, 1.339, 1.341, 1), 1.02, bar) == "within noise"
    assert judge(Interval(1.36, 1.359, 1.361, 1), 1.02, bar) == "within noise"
    least = bar._replace(at_most=False)
    assert judge(Interval(1.5, 1.49, 1.51, 1), 1.01, least) == "met"
    assert judge(Interval(1.2, 1.19, 1.21, 1), 1.01, least) == "missed"


def test_bars_are_judged_by_the_samples_of_their_case():
    base = {FLOOR: 2.0, FLOOR + AGAIN: 2.0}
    fast = verdicts(ONE, {**base, OUT: 2.2, RUST: 2.5, PYTHON: 5.2})
    assert fast == {
        "run(out=) / floor": ("at most 1.2", "met"),
        "run / floor": ("at most 1.35", "met"),
        "onnxruntime / run": ("at least 1.9", "met"),
    }
    slow = verdicts(ONE, {**base, OUT: 2.6, RUST: 2.9, PYTHON: 5.2})
    assert {verdict for _, verdict in slow.values()} == {"missed"}
    noisy = {FLOOR: 2.0, FLOOR + AGAIN: 2.6, OUT: 2.6, RUST: 2.9, PYTHON: 5.2}
    assert {v for _, v in verdicts(ONE, noisy).values()} == {"within noise"}
    many = verdicts(Case(COLUMNS, 100), {**base, RUST: 2.04, PYTHON: 2.04})
    assert many["run / floor"] == ("at most 1.05", "met")
    assert many["run / onnxruntime"] == ("at most 1", "within noise")


def test_a_core_that_is_not_there_is_noise():
    case = Case(TENSOR, 1_000, task=TOGETHER)
    alone = {RUST: 1.0, RUST + AGAIN: 1.0, PYTHON: 1.0}
    both = alone | {RUST + TWO: 0.52, PYTHON + TWO: 0.52}
    none = alone | {RUST + TWO: 0.98, PYTHON + TWO: 0.98}
    lost = alone | {RUST + TWO: 0.98, PYTHON + TWO: 0.52}
    said = "rate of two threads / one"
    assert verdicts(case, both)[said] == ("at least 1.7", "met")
    assert verdicts(case, none)[said] == ("at least 1.7", "within noise")
    assert verdicts(case, lost)[said] == ("at least 1.7", "missed")


def test_every_bar_is_held_against_contenders_that_are_timed():
    for bar in BARS:
        assert bar.case in FULL
        case = bar.case
        if case.rows > 1_000:  # the same contenders, in a smaller chunk
            case = dataclasses.replace(case, rows=1_000)
        assert {bar.over, bar.under} <= set(contenders.contenders(case))


def test_memory_that_grows_is_seen():
    kept = []

    def lose(i):
        kept.append(mmap.mmap(-1, mmap.PAGESIZE))  # no free heap can hide it
        kept[-1][0] = 1

    leak = memory._resident(lose, 5_000)
    flat = memory._resident(lambda i: bytes(1_000), 5_000)
    both = pd.concat([flat.assign(task=memory.NOTHING), leak.assign(task="leak")])
    table = memory.judged(both).set_index("case, rows")["verdict"]
    assert table.to_dict() == {"nothing, 5,000": "met", "leak, 5,000": "missed"}
    assert 10 < memory.growth_mib(leak).ratio < 25


def test_quick_mode_writes_a_result_and_says_what_came_of_each_bar(
    monkeypatch, tmp_path, capsys
):
    few = [ONE, Case(COLUMNS, task=OPEN)]
    monkeypatch.setattr(extension, "QUICK", few)
    monkeypatch.setattr(extension, "RUNS", 2_000)
    monkeypatch.setattr(extension, "SESSIONS", 400)
    monkeypatch.setattr(results, "BUILD", tmp_path)
    cli.main(["extension", "--quick", "--seed", "3"])
    result = results.load("bench")
    assert isinstance(result, Result) and result.seed == 3
    assert (result.samples["seconds"] > 0).all()
    assert set(result.samples["what"]) == {case.what for case in few}
    timed = result.samples[result.samples["what"] == ONE.what]
    assert set(timed["arm"]) == set(contenders.contenders(ONE))
    assert timed.groupby("arm")["round"].nunique().eq(extension.ROUNDS).all()
    said = capsys.readouterr().out
    for row in result.tables["bars"].to_dict("records"):
        assert row["bar"] in said and row["verdict"] in {
            "met",
            "missed",
            "within noise",
        }
    assert "rust_ext, runs, 200" in said and "noise floor" in said


def test_rows_of_the_tensor_are_the_rides_with_zones_as_numbers(rides):
    few = rides.head(3).assign(pickup_zone="1-west", dropoff_zone="8-east")
    table = models.as_tensor(few)
    assert table.dtype == np.float32 and table.flags.c_contiguous
    assert table[:, 0].tolist() == few["distance_miles"].tolist()
    assert table[:, 1].tolist() == [0, 0, 0] and table[:, 2].tolist() == [23, 23, 23]
    assert table[:, 3].tolist() == few["hour"].tolist()
