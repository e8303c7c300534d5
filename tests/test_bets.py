"""Bets are kept, settled by the measured number, and never break a notebook."""

import re

import pytest

from workshop import bets, series
from workshop.errors import WorkshopError
from workshop.paths import NOTEBOOKS


@pytest.fixture(autouse=True)
def own_file(monkeypatch, tmp_path):
    monkeypatch.setattr(bets, "FILE", tmp_path / "build" / "bets.json")


def test_a_bet_is_kept_and_settled(capsys):
    bets.place(one_row="b", served="a", bill=None)
    assert "one row: b, served: a" in capsys.readouterr().out
    assert bets.settle("one row", 2.1).endswith("you bet on it")
    assert bets.settle("served", 30.0).endswith("you bet on a")
    assert bets.settle("bill", 3.0).endswith("you placed no bet")


@pytest.mark.parametrize(
    ("claim", "measured", "answer"),
    [("one row", 1.0, "c"), ("one row", 7.0, "a"), ("bill", -1.0, "c")],
)
def test_the_measured_number_decides(claim, measured, answer):
    assert bets.settle(claim, measured).startswith(f"{claim}: {answer},")


def test_every_number_has_exactly_one_answer():
    for claim, bet in bets.BETS.items():
        for measured in (0, 0.05, 0.3, 1.3, 2, 9.99, 20, 50, 1e6):
            fits = [k for k, (_, lo, hi) in bet.answers.items() if lo <= measured < hi]
            assert len(fits) == 1, (claim, measured)


def test_each_notebook_but_the_first_settles_one_bet():
    settled = {}
    for name in series.names():
        text = (NOTEBOOKS / name).read_text(encoding="utf-8")
        for claim in re.findall(r'bets\.settle\(\\"(.+?)\\"', text):
            settled[claim] = name[:2]
    assert settled == {claim: bet.book for claim, bet in bets.BETS.items()}
    assert list(settled.values()) == [name[:2] for name in series.names()[1:]]


def test_the_wall_has_every_question_and_answer_in_lines_that_fit():
    wall = bets.wall()
    for claim, bet in bets.BETS.items():
        assert f"{bet.book} {claim}: " in wall
        assert all(answer.says in wall for answer in bet.answers.values())
    assert max(map(len, wall.splitlines())) <= 88


def test_the_score_tells_won_from_lost_and_what_is_not_settled(capsys):
    bets.place(one_row="b", served="a", bill=None)
    for claim, measured in [("one row", 2.1), ("served", 30.0), ("bill", 3.0)]:
        bets.settle(claim, measured)
    lines = {line.split(" ", 1)[0]: line for line in bets.score().splitlines()}
    assert lines["05"].split() == ["05", "one", "row", "b,", "1.1", "to", "5", "won"]
    assert lines["06"].endswith("lost: you bet on a")
    assert lines["07"].endswith("no bet")
    assert lines["01"].endswith("not settled yet: run notebook 01")
    assert lines["won:"] == "won: 1 of 3 settled"
    bets.place(one_row="b")
    assert "won: 0" in bets.score()


def test_a_recorded_number_settles_until_one_is_measured():
    bets.place(one_row="b", served="a")
    for claim in ("one row", "served", "lines"):
        bets.settle_recorded(claim, 2.1)
    lines = {line[:2]: line for line in bets.score().splitlines()}
    assert lines["04"].endswith("no bet, by the recorded run")
    assert lines["05"].endswith("won, by the recorded run")
    assert lines["06"].endswith("lost: you bet on a, by the recorded run")
    assert lines["wo"] == "won: 1 of 3 settled"
    bets.settle("one row", 7.0)
    bets.settle_recorded("one row", 2.1)
    assert "lost: you bet on b\n" in bets.score()
    bets.place(one_row="b")
    assert "recorded" not in bets.score()


def test_a_wrong_answer_or_claim_is_refused():
    with pytest.raises(WorkshopError, match="answers are"):
        bets.place(one_row="d")
    with pytest.raises(WorkshopError, match="There are: estimator"):
        bets.settle("weather", 1)


def test_a_damaged_file_is_no_bet():
    bets.FILE.parent.mkdir()
    for damaged in ("{half", "[]", '{"one row": "b"}', '{"placed": 1, "settled": 2}'):
        bets.FILE.write_text(damaged, encoding="utf-8")
        assert bets.settle("one row", 2).endswith("you placed no bet")


def test_a_guess_is_compared():
    assert bets.reveal(None, "b") == "no guess yet"
    assert bets.reveal("b", "b") == "you guessed b, and so it is"
    assert bets.reveal("a", "b") == "you guessed a; it is b"
