"""The half day, computed from the notebooks' title cells, and written where it stands.

`python -m workshop agenda` writes it; with `--check` it says what would change.
"""

import json
import re
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from workshop.errors import WorkshopError
from workshop.paths import NOTEBOOKS, ROOT

QUESTIONS = {
    "00": "is this machine ready, and what do you bet?",
    "01": "how good can a fare be before the ride, and by which estimator?",
    "02": "which file takes it elsewhere, and what is in it?",
    "03": "is it the same model, and which rows would show that it is not?",
    "04": "how much Rust does it take, and are the fares the same?",
    "05": "where can 552% come from?",
    "06": "how much of it is the model, and how much the server?",
    "07": "what would a rewrite save in a month, and when does it pay?",
}
BREAK_AFTER, BREAK_MIN = ("02", "04", "06"), 10
CLOSE = ("close", 20, "who won the bets?")
TITLE = re.compile(r"# (\d\d) (.+)")
TIME = re.compile(r"Time: (\d+) min(?: \+ (\d+) min exercise)?")
LATE = re.compile(r"Short of time: (.+)")
SAVED = re.compile(r"\((\d+) min\)")


class Part(NamedTuple):
    """One part of the half day: a notebook, a break or the close; times in minutes."""

    what: str
    start_min: int
    minutes: int
    exercise_min: int = 0  # of these
    question: str = ""
    late: str = ""  # what its take-away says can be skipped

    @property
    def saved_min(self) -> int:
        """What skipping all that saves."""
        return sum(map(int, SAVED.findall(self.late)))

    @property
    def clock(self) -> str:
        """When it starts, from the beginning of the half day."""
        return f"{self.start_min // 60}:{self.start_min % 60:02}"


def parts() -> list[Part]:
    """Return the half day in order; raise WorkshopError for a title without a time."""
    found: list[Part] = []

    def add(what: str, minutes: int, *rest: object) -> None:
        start = found[-1].start_min + found[-1].minutes if found else 0
        found.append(Part(what, start, minutes, *rest))

    for path in sorted(NOTEBOOKS.glob("0*.ipynb")):
        number, title, taught, exercise, late = _read(path)
        what = f"{number} {title[0].lower()}{title[1:]}"
        add(what, taught + exercise, exercise, QUESTIONS[number], late)
        if number in BREAK_AFTER:
            add("break", BREAK_MIN)
    what, minutes, question = CLOSE
    add(what, minutes, 0, question)
    return found


def table() -> str:
    """Return the agenda of those who come: what, how long, and which question."""
    lines = ["| | minutes | |", "|---|---|---|"]
    for part in parts():
        what = part.what if part.question else f"*{part.what}*"
        lines.append(_row(what, part.minutes, part.question))
    return "\n".join(lines)


def plan() -> str:
    """Return the agenda of who leads: when, and what to leave out where it is late."""
    lines = ["| starts | | minutes | of it exercise | late? |", "|---|---|---|---|---|"]
    for part in parts():
        exercise = part.exercise_min or ""
        lines.append(_row(part.clock, part.what, part.minutes, exercise, part.late))
    whole, saved = sum(p.minutes for p in parts()), sum(p.saved_min for p in parts())
    lines.append(f"\n{whole} minutes in all; skipping all that saves {saved}.")
    return "\n".join(lines)


def blocks() -> str:
    """Return the agenda of a slide: a line from break to break."""
    lines = ["| | minutes |", "|---|---|"]
    for away, group in groupby(parts(), lambda part: part.what == "break"):
        block = [*group]
        what = "*break*" if away else " · ".join(part.what for part in block)
        lines.append(_row(what, sum(part.minutes for part in block)))
    return "\n".join(lines)


GENERATED = {"README.md": {"agenda": table}, "INSTRUCTOR.md": {"plan": plan}}


def main(argv: list[str] | tuple[str, ...] = ()) -> None:
    """Write the agenda into the pages; with --check raise WorkshopError if it differs.

    A page holds it between `<!-- agenda -->` and `<!-- end -->`.
    """
    for name, makers in GENERATED.items():
        text = new = (ROOT / name).read_text(encoding="utf-8")
        for mark, make in makers.items():
            before, begin, rest = new.partition(f"<!-- {mark} -->\n")
            _, end, after = rest.partition("\n<!-- end -->")
            if not end:
                raise WorkshopError(f"{name} has no place for it: <!-- {mark} -->.")
            new = before + begin + make() + end + after
        if "--check" not in argv:
            (ROOT / name).write_text(new, encoding="utf-8")
        elif new != text:
            raise WorkshopError(
                f"{name} is not what the notebooks' title cells say. Run: "
                "python -m workshop agenda"
            )


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |".replace("|  |", "| |")


def _read(path: Path) -> tuple[str, str, int, int, str]:
    """Return a notebook's number, title, minutes taught and exercised, what to skip."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first, last = ("".join(cells[at]["source"]) for at in (0, -1))
    title, time = TITLE.match(first), TIME.search(first)
    late = LATE.search(last)
    if not (title and time and late):
        raise WorkshopError(
            f"{path.name} needs '# 00 Title' and 'Time: 20 min + 10 min exercise' in "
            "its first cell, and 'Short of time: ...' in its last."
        )
    return *title.groups(), int(time[1]), int(time[2] or 0), late[1]
