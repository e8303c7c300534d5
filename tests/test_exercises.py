"""Each exercise hints at its stub and at wrong answers, and takes its own solution."""

import re
import sys

import pytest
from exercises import WRONG, all_exercises, needed

from workshop.exercise import check_answer
from workshop.paths import RUST

# A kernel does not show these where they are not raised in the cell itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
QUOTE = RUST / "engine" / "examples" / "quote.rs"
ODD = ("None", "'a text'", "float('nan')", "[]", "lambda: 1")
EXERCISES = {each.stub.id: each for each in all_exercises()}


@pytest.fixture
def attempt(request, figures, one_thread, capsys, monkeypatch):
    """A function from an answer to what the check says of it."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # notebook 00 adds to it
    its = EXERCISES[request.param]
    is_rust = "```rust" in its.below.source
    answers = [*WRONG[its.stub.id], *([] if is_rust else [its.solution])]
    sources = [its.stub.source, its.check.source, *([] if is_rust else answers)]
    cells = {"__name__": "exercise"}
    for source in needed(its, *sources):
        exec(source, cells)

    def said(answer):
        exec(its.stub.source, cells)
        exec(answer, cells)
        capsys.readouterr()
        exec(its.check.source, cells)
        return capsys.readouterr().out

    return said


PYTHON = [key for key, its in EXERCISES.items() if "```python" in its.below.source]


def test_every_exercise_has_wrong_answers_to_try():
    assert list(EXERCISES) == list(WRONG)


@pytest.mark.parametrize(
    ("attempt", "key"), [(key, key) for key in PYTHON], indirect=["attempt"]
)
def test_stub_and_wrong_answers_get_a_hint_and_the_solution_a_yes(attempt, key):
    its = EXERCISES[key]
    stub = attempt("")
    assert stub.startswith("hint: ")
    hints = {attempt(wrong) for wrong in WRONG[key]}
    assert all(hint.startswith("hint: ") for hint in hints), hints
    assert hints != {stub}, "a wrong answer gets the hint of no answer"
    (name,) = re.findall(r"(?m)^(\w+) = \.\.\.$", its.stub.source)
    for odd in ODD:
        assert attempt(f"{name} = {odd}").startswith("hint: "), odd
    assert attempt(its.solution).startswith("yes: ")


@pytest.fixture
def quote():
    """A function that writes a body for `rounded`; the file is put back."""
    text = QUOTE.read_text(encoding="utf-8")

    def write(body):
        function = r"(?s)(fn rounded\(fare_usd: f32\) -> f32 \{\n).*?\n\}"
        new, count = re.subn(function, rf"\1    {body}\n}}", text)
        assert count == 1
        QUOTE.write_text(new, encoding="utf-8")

    yield write
    QUOTE.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("attempt", ["04-46"], indirect=True)
def test_the_rust_that_is_rebuilt_is_what_the_check_sees(attempt, quote):
    its = EXERCISES["04-46"]
    quote("fare_usd")
    stub = attempt("")
    hints = [stub]
    for body in WRONG["04-46"]:
        quote(body)
        hints.append(attempt(""))
    assert all(hint.startswith("hint: ") for hint in hints), hints
    assert len(set(hints)) == len(hints)
    (body,) = re.findall(r"\{\n\s+(.*)\n\}", its.solution)
    quote(body)
    assert attempt("").startswith("yes: ")


def test_a_check_prints_the_first_hint_that_is_not_followed_yet(capsys):
    hints = {"a number": lambda x: x + 1, "a large one": lambda x: x > 9}
    for answer, said in [
        (..., "hint: a number\n"),
        ("text", "hint: a number\n"),
        (3, "hint: a large one\n"),
        (10, "yes: so it is\n"),
    ]:
        check_answer(answer, hints, yes="so it is")
        assert capsys.readouterr().out == said
