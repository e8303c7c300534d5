"""Exercises: an answer is tried, and a hint says what to do next; nothing raises."""

from collections.abc import Callable, Mapping


def check_answer(
    answer: object, hints: Mapping[str, Callable[[object], bool]], *, yes: str
) -> None:
    """Print `yes`, or the first hint whose test the answer does not pass.

    hints: what to do next, and the test that holds once that is done. An answer of
    `...` is none yet and gets the first. A test that raises does not hold: an answer
    of the wrong kind stops no notebook.
    """
    for hint, holds in hints.items():
        if answer is ... or not _holds(holds, answer):
            print("hint:", hint)
            return
    print("yes:", yes)


def _holds(test: Callable[[object], bool], answer: object) -> bool:
    try:
        return bool(test(answer))
    except Exception:  # whatever an answer of the wrong kind can raise
        return False
