"""The bets of notebook 00 and the guesses in the others: kept, compared, scored."""

import json
import textwrap

from workshop.errors import WorkshopError
from workshop.paths import BUILD

FILE = BUILD / "bets.json"
# claim: (question, {answer: (what it says, from, to)}), settled by one measured number
QUESTIONS = {
    "one row": (
        "In a process that runs already, one fare from ONNX in Rust instead of ONNX "
        "in Python is ... times as fast",
        {
            "a": ("5 or more", 5, float("inf")),
            "b": ("between 1.1 and 5", 1.1, 5),
            "c": ("the same, or nearly", 0, 1.1),
        },
    ),
    "served": (
        "Served to 16 clients, ONNX behind axum answers ... times as many requests "
        "as scikit-learn behind FastAPI",
        {
            "a": ("under 2", 0, 2),
            "b": ("between 2 and 20", 2, 20),
            "c": ("20 or more", 20, float("inf")),
        },
    ),
    "bill": (
        "With ONNX in Python in place, going on to Rust takes ... off the monthly bill "
        "of 15 million requests, request fee and all",
        {
            "a": ("10% or more", 10, float("inf")),
            "b": ("between 0.5% and 10%", 0.5, 10),
            "c": ("under 0.5%, or nothing", float("-inf"), 0.5),
        },
    ),
}


def wall():
    """Return the three questions with their answers, as text."""
    lines = []
    for claim, (question, answers) in QUESTIONS.items():
        lines += textwrap.wrap(f"{claim}: {question}", 80)
        lines += [f"    {key}  {what}" for key, (what, _, _) in answers.items()]
    return "\n".join(lines)


def place(**bets):
    """Keep your bets in build/bets.json; a bet of None is no bet.

    Raises WorkshopError for an answer that the question does not have.
    """
    bets = {name.replace("_", " "): answer for name, answer in bets.items()}
    for claim, answer in bets.items():
        answers = list(question(claim)[1])
        if answer is not None and answer not in answers:
            raise WorkshopError(
                f"The bet on {claim!r} is {answer!r}, and the answers are {answers}. "
                "Write one of them in quotes, or None for no bet."
            )
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(bets), encoding="utf-8")
    placed = [f"{claim}: {answer}" for claim, answer in bets.items() if answer]
    print("your bets:", ", ".join(placed) or "none yet")


def placed():
    """Return the bets that were placed, by claim."""
    try:
        return json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def settle(claim, measured):
    """Return one sentence: what your machine answers, and whether you bet on it."""
    answers = question(claim)[1]
    right = next(k for k, (_, low, high) in answers.items() if low <= measured < high)
    bet = placed().get(claim)
    outcome = {None: "you placed no bet", right: "you bet on it"}
    return (
        f"{claim}: {right}, {answers[right][0]} (measured: {measured:.3g}); "
        f"{outcome.get(bet, f'you bet on {bet}')}"
    )


def reveal(guess, answer):
    """Return how a guess compares with the answer; a guess of None is none yet."""
    if guess is None:
        return "no guess yet"
    if guess == answer:
        return f"you guessed {guess}, and so it is"
    return f"you guessed {guess}; it is {answer}"


def question(claim):
    """Return one question and its answers; raise WorkshopError for an unknown one."""
    if claim not in QUESTIONS:
        raise WorkshopError(
            f"There is no bet on {claim!r}. There are: {', '.join(QUESTIONS)}."
        )
    return QUESTIONS[claim]
