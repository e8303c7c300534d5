"""The bets of notebook 00 and the guesses in the others: kept, compared, scored.

Imports the standard library only, so that notebook 00 runs in a wrong kernel too.
"""

import json
import textwrap
from typing import NamedTuple

from workshop.errors import WorkshopError
from workshop.paths import BUILD

FILE = BUILD / "bets.json"
MOST = float("inf")


class Answer(NamedTuple):
    """One answer: what it says, and from which number to below which it is right."""

    says: str
    low: float
    high: float


class Bet(NamedTuple):
    """One question, settled by one measured number in one notebook."""

    book: str
    question: str
    answers: dict[str, Answer]


BETS = {
    "estimator": Bet(
        "01",
        "Of two estimators with nearly the same error, the faster one answers a single "
        "ride ... times as fast",
        {
            "a": Answer("under 1.5", 0, 1.5),
            "b": Answer("1.5 to 3", 1.5, 3),
            "c": Answer("3 or more", 3, MOST),
        },
    ),
    "pickle": Bet(
        "02",
        "Opening the model's joblib file can call ... functions and classes",
        {
            "a": Answer("0: it is data", 0, 1),
            "b": Answer("1 to 9", 1, 10),
            "c": Answer("10 or more", 10, MOST),
        },
    ),
    "scaler": Bet(
        "03",
        "A scaler before the trees, and ONNX: the fare of the worst row is off by ... "
        "USD",
        {
            "a": Answer("under 0.001", 0, 0.001),
            "b": Answer("0.001 to 0.1", 0.001, 0.1),
            "c": Answer("0.1 or more", 0.1, MOST),
        },
    ),
    "lines": Bet(
        "04",
        "A Rust program that opens the model and quotes one ride has ... lines",
        {
            "a": Answer("under 30", 0, 30),
            "b": Answer("30 to 100", 30, 100),
            "c": Answer("100 or more", 100, MOST),
        },
    ),
    "one row": Bet(
        "05",
        "In a process that runs already, one fare from ONNX in Rust instead of ONNX "
        "in Python is ... times as fast",
        {
            "a": Answer("5 or more", 5, MOST),
            "b": Answer("1.1 to 5", 1.1, 5),
            "c": Answer("under 1.1", 0, 1.1),
        },
    ),
    "served": Bet(
        "06",
        "Served to 16 clients, ONNX behind axum answers ... times as many requests "
        "as scikit-learn behind FastAPI",
        {
            "a": Answer("under 2", 0, 2),
            "b": Answer("2 to 20", 2, 20),
            "c": Answer("20 or more", 20, MOST),
        },
    ),
    "bill": Bet(
        "07",
        "With ONNX in Python in place, going on to Rust takes ...% off the bill of "
        "15 million requests a month, request fee and all",
        {
            "a": Answer("10 or more", 10, MOST),
            "b": Answer("0.5 to 10", 0.5, 10),
            "c": Answer("under 0.5", -MOST, 0.5),
        },
    ),
}


def wall() -> str:
    """Return every question with its answers, as text."""
    lines = []
    for claim, bet in BETS.items():
        lines += textwrap.wrap(f"{bet.book} {claim}: {bet.question}", 80)
        answers = [f"{key}  {answer.says}" for key, answer in bet.answers.items()]
        lines.append("    " + "".join(f"{answer:<22}" for answer in answers).rstrip())
    return "\n".join(lines)


def place(**bets: str | None) -> None:
    """Keep your bets in build/bets.json, on nothing settled; None is no bet.

    Raises WorkshopError for an answer that the question does not have.
    """
    bets = {name.replace("_", " "): answer for name, answer in bets.items()}
    for claim, answer in bets.items():
        answers = list(_bet(claim).answers)
        if answer is not None and answer not in answers:
            raise WorkshopError(
                f"The bet on {claim!r} is {answer!r}, and the answers are {answers}. "
                "Write one of them in quotes, or None for no bet."
            )
    _write({"placed": bets, "settled": {}})
    placed = [f"{claim}: {answer}" for claim, answer in bets.items() if answer]
    print("your bets:", ", ".join(placed) or "none yet")


def settle(claim: str, measured: float) -> str:
    """Return one sentence: what your machine answers, and whether you bet on it."""
    right = _keep("settled", claim, measured)
    bet = _read()["placed"].get(claim)
    outcome = {None: "you placed no bet", right: "you bet on it"}
    return (
        f"{claim}: {right}, {BETS[claim].answers[right].says} "
        f"(measured: {measured:.3g}); {outcome.get(bet, f'you bet on {bet}')}"
    )


def settle_recorded(claim: str, recorded: float) -> None:
    """Settle a bet by a recorded number, until one is measured here."""
    _keep("recorded", claim, recorded)


def score() -> str:
    """Return a line a bet, won or lost or not settled yet, and how many you won."""
    kept, lines, won, settled = _read(), [], 0, 0
    for claim, bet in BETS.items():
        right, mine = kept["settled"].get(claim), kept["placed"].get(claim)
        by = "" if right else ", by the recorded run"
        right = right or kept["recorded"].get(claim)
        if right is None:
            ended = f"not settled yet: run notebook {bet.book}"
        elif mine is None:
            ended = f"no bet{by}"
        else:
            ended = ("won" if mine == right else f"lost: you bet on {mine}") + by
            won += mine == right
        settled += right is not None
        says = f"{right}, {bet.answers[right].says}" if right else ""
        lines.append(f"{bet.book} {claim:<10} {says:<16} {ended}".rstrip())
    return "\n".join([*lines, f"won: {won} of {settled} settled"])


def reveal(guess: str | None, answer: str) -> str:
    """Return how a guess compares with the answer; a guess of None is none yet."""
    if guess is None:
        return "no guess yet"
    if guess == answer:
        return f"you guessed {guess}, and so it is"
    return f"you guessed {guess}; it is {answer}"


def _bet(claim: str) -> Bet:
    if claim not in BETS:
        raise WorkshopError(
            f"There is no bet on {claim!r}. There are: {', '.join(BETS)}."
        )
    return BETS[claim]


def _keep(kind: str, claim: str, number: float) -> str:
    """Keep and return the answer that a number makes right."""
    answers = _bet(claim).answers
    right = next(key for key, (_, low, high) in answers.items() if low <= number < high)
    kept = _read()
    kept[kind][claim] = right
    _write(kept)
    return right


def _read() -> dict[str, dict[str, str | None]]:
    """Return what was placed and settled; nothing where the file is damaged."""
    kinds = ("placed", "settled", "recorded")
    try:
        kept = json.loads(FILE.read_text(encoding="utf-8"))
        return {kind: dict(kept.get(kind, {})) for kind in kinds}
    except (OSError, ValueError, AttributeError, TypeError):
        return {kind: {} for kind in kinds}


def _write(kept: dict[str, dict[str, str | None]]) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(kept), encoding="utf-8")
