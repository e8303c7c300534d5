"""Bets are kept, settled by the measured number, and never break a notebook."""

import pytest

from workshop import bets
from workshop.errors import WorkshopError


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
    for claim, (_, answers) in bets.QUESTIONS.items():
        for measured in (0, 0.3, 1.3, 2, 9.99, 20, 1e6):
            fits = [k for k, (_, lo, hi) in answers.items() if lo <= measured < hi]
            assert len(fits) == 1, (claim, measured)


def test_a_wrong_answer_or_claim_is_refused():
    with pytest.raises(WorkshopError, match="answers are"):
        bets.place(one_row="d")
    with pytest.raises(WorkshopError, match="There are: one row"):
        bets.settle("weather", 1)


def test_a_damaged_file_is_no_bet():
    bets.FILE.parent.mkdir()
    bets.FILE.write_text("{half", encoding="utf-8")
    assert bets.settle("one row", 2).endswith("you placed no bet")


def test_a_guess_is_compared():
    assert bets.reveal(None, "b") == "no guess yet"
    assert bets.reveal("b", "b") == "you guessed b, and so it is"
    assert bets.reveal("a", "b") == "you guessed a; it is b"
