"""The half day is 240 minutes of these notebooks, and the pages say what they say."""

import re

import pytest

from workshop import agenda, series
from workshop.errors import WorkshopError
from workshop.paths import ROOT


def test_the_half_day_is_240_minutes_with_three_breaks():
    parts = agenda.parts()
    assert sum(part.minutes for part in parts) == 240
    assert [part.minutes for part in parts if part.what == "break"] == [10, 10, 10]
    numbers = [part.what[:2] for part in parts if part.question][:-1]
    assert numbers == [name[:2] for name in series.names()]
    assert parts[-1].start_min == 240 - parts[-1].minutes


def test_nobody_sits_longer_than_an_hour_without_a_break():
    ends = [part.start_min for part in agenda.parts() if part.what == "break"]
    begins = [0, *(end + agenda.BREAK_MIN for end in ends)]
    assert all(b - a <= 60 for a, b in zip(begins, [*ends, 240], strict=True))


def test_running_late_can_be_made_good():
    late = {part.what[:2]: part.saved_min for part in agenda.parts() if part.late}
    assert all(2 <= saved <= 15 for saved in late.values()), late
    assert sum(late.values()) >= 45


def test_the_pages_say_what_the_title_cells_say():
    agenda.main(["--check"])


@pytest.fixture
def page(monkeypatch, tmp_path):
    monkeypatch.setattr(agenda, "ROOT", tmp_path)
    monkeypatch.setattr(agenda, "GENERATED", {"a.md": {"agenda": agenda.table}})
    return tmp_path / "a.md"


def test_a_page_that_differs_is_refused_then_written(page):
    page.write_text("before\n<!-- agenda -->\nold\n<!-- end -->\nafter\n")
    with pytest.raises(WorkshopError, match="Run: python -m workshop agenda"):
        agenda.main(["--check"])
    agenda.main()
    agenda.main(["--check"])
    text = page.read_text()
    assert text.startswith("before\n<!-- agenda -->\n| | minutes | |\n")
    assert text.endswith("|\n<!-- end -->\nafter\n")
    page.write_text("nothing")
    with pytest.raises(WorkshopError, match="no place for it: <!-- agenda -->"):
        agenda.main()


def test_a_notebook_without_a_time_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(agenda, "NOTEBOOKS", tmp_path)
    (name, *_) = series.names()
    text = (ROOT / "notebooks" / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(re.sub(r"Time: \d+ min", "Time: short", text))
    with pytest.raises(WorkshopError, match=f"{name} needs .*first cell"):
        agenda.parts()
