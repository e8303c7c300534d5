"""The deck is filled from what is recorded, keeps its form, and adds up to the day."""

import ast
import base64
import re
from collections import Counter
from itertools import pairwise

import pytest

from workshop import (
    agenda,
    bill_figures,
    choices,
    deck,
    figures,
    results,
    said,
    source,
    stats,
    versus,
)
from workshop.claims import read_claims
from workshop.errors import WorkshopError
from workshop.launches import WHOLE
from workshop.paths import NOTEBOOKS
from workshop.prices import read_prices
from workshop.served import CLIENTS, TURN
from workshop.verdict import Effort

TEXT = deck.DECK.read_text(encoding="utf-8")
SLIDES = deck.slides(TEXT)
SETTLE_NOTHING = ("lead", "exercise", "break", "claims")  # slides without a result
MOST_WORDS, MOST_LINES, MOST_POINTS = 25, 25, 5


def titles():
    return [f"{at:02} {slide.title}" for at, slide in enumerate(SLIDES, 1)]


@pytest.fixture(params=SLIDES, ids=titles())
def slide(request):
    return request.param


@pytest.fixture(scope="module")
def filled():
    return deck.fill(TEXT, results.recorded)


def without(text, *patterns):
    for pattern in patterns:
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return text


def test_every_gap_is_filled_and_every_picture_is_drawn(filled):
    assert not re.search(r"\{\{|\}\}|\((?:figure|cell):", filled)
    pictures = re.findall(r"!\[(.+?)\]\(data:image/png;base64,(.+?)\)", filled)
    assert len(pictures) == len(re.findall(r"\((?:figure|cell):", TEXT)) > 9
    assert all(base64.b64decode(data).startswith(b"\x89PNG") for _, data in pictures)


def test_no_slide_is_left_out(filled):
    assert [each.minutes for each in deck.slides(filled)] == [
        each.minutes for each in SLIDES
    ]


def test_each_part_is_as_long_as_in_the_agenda():
    on_slides, planned = Counter(), Counter()
    for each in SLIDES:
        on_slides[each.section.lower()] += each.minutes
    for part in agenda.parts():
        planned[part.what.lower()] += part.minutes
    assert on_slides == planned


def test_no_number_is_typed_by_hand(slide):
    typed = without(
        slide.text,
        r"\{\{.*?\}\}",
        r"\(figure:\w+\)",
        r'<!-- header: "\d\d',
        r"(?m)^Time: \d+ min",
        r"(?m)^\d\. ",  # of a list
        r"\b[Nn]otebooks? \d\d\b",
        r"\bfloat(?:32|64)\b",
        r"\(cell:[\w-]+\)",
    )
    assert re.findall(r".*\d.*", typed) == []


def test_notes_can_be_taken_in_at_a_glance(slide):
    lines = slide.notes.strip().splitlines()
    assert lines[0].startswith("Time: ") and slide.notes.count("Time: ") == 1
    assert len([line for line in lines if line.startswith(deck.LABELS)]) >= 2
    assert all(
        re.match(r"[A-Z][a-z ]+(?: \(.+\))?: ", line) is None
        or line.startswith(deck.LABELS)
        for line in lines
    )


def test_every_part_asks_or_shows_something():
    for section in {each.section for each in SLIDES} - {"Break"}:
        notes = "".join(each.notes for each in SLIDES if each.section == section)
        assert re.search("(?m)^(?:Ask|Demo)", notes), section


def test_no_title_settles_the_question_asked_under_it(slide):
    """A title is a result: what it answers is asked before it, what is yours is not."""
    if slide.kind not in SETTLE_NOTHING:
        for asked in re.findall(r"(?m)^Ask: (.+)", slide.notes):
            assert re.search(r"\b(?:you|your|we)\b", asked), asked


def test_what_the_next_slide_answers_is_asked_last(slide):
    before, asks, question = slide.notes.partition(deck.BEFORE)
    if asks:
        assert before.endswith("\n")
        assert not re.search(rf"(?m)^(?:{'|'.join(deck.LABELS)})", question)
        following = SLIDES[SLIDES.index(slide) + 1]
        assert following.kind not in SETTLE_NOTHING


def test_each_claim_of_a_picture_is_asked_for_before_it_is_seen():
    for before, each in pairwise(SLIDES):
        if "![" in each.text:
            assert deck.BEFORE in before.notes, each.title


def test_what_is_for_home_is_neither_shown_nor_skipped(slide):
    books = "".join(path.read_text("utf-8") for path in NOTEBOOKS.glob("0*.ipynb"))
    at_home = re.findall(r'"#+ (.+?) \(at home\)', books)
    assert at_home
    for told in re.findall(
        r"(?m)^(?:Demo|If late): (?:.|\n(?![A-Z][a-z ]+: ))+", slide.notes
    ):
        said = " ".join(told.lower().split())
        assert not [part for part in at_home if part.lower() in said]


@pytest.mark.usefixtures("figures")
def test_no_figure_before_notebook_06_shows_what_06_asks_for():
    first = next(at for at, each in enumerate(SLIDES) if each.section.startswith("06"))
    for name in re.findall(
        r"\(figure:(\w+)\)", "".join(s.text for s in SLIDES[:first])
    ):
        described = figures.DRAW[name](results.recorded).figure.described
        told = f"{described.words} {described.table.to_string()}"
        assert not re.search("served|behind", told), name


def test_the_verdict_asks_for_the_effort_of_notebook_07():
    (effort,) = (
        value
        for node in ast.walk(ast.parse(source.cell("07-28")))
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if ast.literal_eval(key) == ("onnx-fastapi", "onnx-axum")
    )
    given = {each.arg: ast.literal_eval(each.value) for each in effort.keywords}
    asked = Effort(*map(ast.literal_eval, effort.args), **given)
    assert asked == said.REWRITE
    assert f"; {asked}, repaid in" in said.numbers(results.recorded)["verdict"]


def test_the_presenter_sees_a_note_as_one_line(filled):
    for each in deck.slides(filled):
        assert all(line.startswith(deck.LABELS) for line in each.notes.splitlines())


def test_a_slide_has_one_thing_to_look_at_and_few_words(slide, filled):
    text = deck.slides(filled)[SLIDES.index(slide)].text
    shown = without(text.partition("\n# ")[2].partition("\n")[2], r"<!--.*?-->")
    code = re.findall(r"```\w+\n(.*?)\n```", shown, re.DOTALL)
    shown = without(shown, r"```.*?```")
    assert len(code) + shown.count("![") <= 1
    assert all(len(each.splitlines()) <= MOST_LINES for each in code)
    assert len(re.findall(r"(?m)^(?:- |\d\. )", shown)) <= MOST_POINTS
    if not re.search(r"(?m)^[|>]", shown):  # a table, or what is quoted
        words = without(shown, r"(?m)^\d\. ", r"!\[.*?\]\(.*?\)", r"\(https:.*?\)")
        assert len(re.findall(r"\w[\w'-]*", words)) <= MOST_WORDS


def test_every_picture_is_told_in_words():
    images = re.findall(r"!\[(.*?)\]\((.*?)\)", TEXT)
    assert all(len(alt.split()) >= 8 for alt, _ in images)
    drawn = {name for _, name in images if not name.startswith("cell:")}
    assert {name.removeprefix("figure:") for name in drawn} <= {*figures.DRAW}


def test_what_the_titles_say_holds_of_what_is_recorded():
    """The record can change, and then a title may have to."""
    timing, serving = results.recorded("timing"), results.recorded("serving")
    pair = ("onnx-python", "onnx-rust")
    whole = stats.ratio_interval(versus.kind(timing, what=WHOLE), *pair)
    one = versus.calls(timing, 1)
    one_row, to_onnx = (
        stats.ratio_interval(one, *arms) for arms in (pair, ("sklearn", "onnx-python"))
    )
    many = stats.ratio_interval(versus.calls(timing, versus.MANY), *pair)
    assert whole.low > one_row.high and one_row.low > many.high
    assert to_onnx.low > 5 * one_row.high
    stages = versus.kind(timing, arm="onnx-python").groupby("what")["seconds"].median()
    assert stages["stage: first prediction"] < 0.2 * stages[WHOLE]
    served = versus.kind(serving, what=TURN.format(CLIENTS[-1]))
    extension = stats.ratio_interval(served, "onnx-fastapi", "rust-fastapi")
    framework = stats.ratio_interval(served, "rust-fastapi", "onnx-axum")
    no_model = stats.ratio_interval(served, "noop-fastapi", "noop-axum")
    assert min(framework.low, no_model.low) > 2 > extension.high
    errors = results.recorded("errors").tables["errors"].set_index("model")["usd"]
    before, after = (
        errors[f"line, {when} the ride"] - errors[f"trees, {when} the ride"]
        for when in ("before", "after")
    )
    assert before > 3 * after > 0
    sweep = results.recorded("parity").tables["sweep"]
    assert (sweep["sklearn"] - sweep["onnx-python"]).abs().max() > 0.1
    numbers = said.numbers(results.recorded)
    assert numbers["parity_beyond"] == "0" and int(numbers["fee_share"][:-1]) > 90
    assert float(numbers["rounded_usd"]) > 2 * float(numbers["fee_usd"])
    assert numbers["verdict"].startswith("do not rewrite it")


def test_what_moves_the_bill_more_than_the_language_is_told_apart():
    cases, prices = choices.post_cases(read_claims()), read_prices().cloud_run
    in_turn = choices.in_turn(bill_figures.january())
    usd = choices.bills(cases, prices, in_turn, adding=True)
    difference = usd["sklearn-fastapi"].iloc[0] - usd["onnx-axum"].iloc[0]
    moved = usd["sklearn-fastapi"].diff().abs()
    more = ["+ request fee", "+ 100 ms rounding", "+ rush hours, 31 days"]
    assert moved[[*more, "+ one idle instance"]].min() > difference
    assert moved[["+ requests overlap", "+ start-up time"]].max() < difference


def one_slide(body, notes="Time: 1 min."):
    return f"head{deck.BETWEEN}\n# A claim\n\n{body}\n\n<!--\n{notes}\n-->\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (one_slide("{{luck}}"), "asks for the number 'luck'"),
        (one_slide("![Luck](figure:luck)"), "no figure 'luck'"),
        (one_slide("{{cell 02-99}}"), "No notebook has a cell '02-99'"),
        (one_slide("{{output 02-18}}"), "'02-18' has no text/plain stored under it"),
        (one_slide("![Luck](cell:02-18)"), "'02-18' has no image/png stored"),
        (one_slide("{{exercise 99}}"), "99 has no exercise 1"),
        (one_slide("{{code workshop/source.py luck}}"), "has no region 'luck'"),
        (one_slide("{{joke 3}}"), "can be cut out is: code, cell, output, exercise"),
        (one_slide("", notes="Ask: why?"), "Slide 1 has no time"),
        (one_slide("").replace("# A", "A"), "Slide 1 has no title"),
    ],
)
def test_what_nothing_fills_stops_the_build(text, complaint):
    with pytest.raises(WorkshopError, match=complaint):
        deck.fill(text, results.recorded)


def test_sums_that_differ_are_not_said_to_be_one(monkeypatch):
    two = said.bill_figures.rounded(results.recorded)
    two.loc["onnx-axum", "compute"] += 1
    monkeypatch.setattr(said.bill_figures, "rounded", lambda _: two)
    with pytest.raises(WorkshopError, match="says that these sums are one"):
        said.numbers(results.recorded)


def test_a_slide_says_its_own_minutes_and_the_agenda_all_of_them():
    slide = one_slide("{{minutes}} {{agenda}}", "Time: 3 min.")
    found = deck.fill(slide, results.recorded)
    assert "3 | | minutes |" in found and "| *break* | 10 |" in found
    assert "| 00 check your setup · 01 train a fare model · 02 write it" in found
