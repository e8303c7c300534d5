"""The deck: its slides one by one, and what fills the gaps that it leaves."""

import base64
import re
from pathlib import Path
from typing import NamedTuple

from workshop import agenda, figures, said, source
from workshop.errors import WorkshopError
from workshop.paths import NOTEBOOKS, ROOT
from workshop.source import LANGUAGES
from workshop.versus import Load

DECK = ROOT / "slides" / "deck.md"
BETWEEN = "\n---\n"
LETTERS = {28: (64, 11), 24: (75, 13), 21: (86, 15), 18: (100, 21)}  # px: room for code
NOTES = re.compile(r"<!--\n(.*?)\n?-->", re.DOTALL)  # a comment of one line is for Marp
BEFORE = "Ask (before you go on): "  # what the next slide's title answers
LABELS = ("Time: ", "Ask: ", BEFORE, "Demo: ", "Note: ", "If late: ")
WRAPPED = re.compile(rf"\n(?!{'|'.join(map(re.escape, LABELS))})")


class Slide(NamedTuple):
    """One slide as it is written; section is the header that stands over it."""

    section: str
    kind: str
    title: str
    text: str  # all of it, its notes too
    notes: str
    minutes: int


def slides(text: str) -> list[Slide]:
    """Return the slides of a deck in order.

    Raises WorkshopError for one without a title, or without 'Time: N min' in its notes.
    """
    found: list[Slide] = []
    section = ""
    for each in text.split(BETWEEN)[1:]:  # the first part is for Marp
        section = _first(r'<!-- header: "(.+?)" -->', each) or section
        title = _first(r"(?m)^# (.+)$", each)
        notes = "\n".join(NOTES.findall(each))
        minutes = _first(r"(?m)^Time: (\d+) min", notes)
        if not title or not minutes:
            raise WorkshopError(
                f"Slide {len(found) + 1} has no {'time' if title else 'title'}: write "
                "'Time: N min' in its notes and '# ' before its title. Mend "
                "slides/deck.md."
            )
        kind = _first(r"<!-- _class: (.+?) -->", each)
        found.append(Slide(section, kind, title, each, notes, int(minutes)))
    return found


def fill(text: str, load: Load) -> str:
    """Return a deck with its gaps filled from what `load` gives.

    Gaps: {{NAME}}, a number of `said.numbers`; {{minutes}}, the slide's own;
    {{agenda}}; {{exercise NN}} or {{exercise NN 2}}, what a notebook's
    exercise asks; {{code PATH REGION}} and {{cell ID}}, source; {{output ID}}, the
    text stored under a cell; (figure:NAME), a picture; (cell:ID), one stored under a
    cell. Each line of the notes that begins with a label becomes one line, since the
    presenter view wraps lines itself. Raises WorkshopError for a gap that nothing
    fills.
    """
    every, numbers = slides(text), said.numbers(load)
    filled = [
        _filled(slide, {**numbers, "minutes": str(slide.minutes)}, load)
        for slide in every
    ]
    head, _, _ = text.partition(BETWEEN)
    deck = BETWEEN.join([head, *filled])
    return deck.replace("{{agenda}}", agenda.blocks())


def exercise(notebook: str, number: str = "1") -> str:
    """Return what an exercise of a notebook asks: its heading, as a title."""
    heading = r"## Exercise[^:]*: ([^\"\\]+)"
    for path in NOTEBOOKS.glob(f"{notebook}_*.ipynb"):
        found = re.findall(heading, path.read_text(encoding="utf-8"))
        if len(found) >= int(number):
            title = found[int(number) - 1]
            return title[:1].upper() + title[1:]
    raise WorkshopError(
        f"Notebook {notebook} has no exercise {number}, by its headings."
    )


def _code(path: str, name: str) -> str:
    return _block(source.region(path, name), LANGUAGES[Path(path).suffix])


def _cell(name: str) -> str:
    return _block(source.cell(name), "python")


def _block(code: str, language: str) -> str:
    """Return code as a slide shows it, in the largest letters it has room for."""
    lines = code.splitlines()
    wide, high = max(map(len, lines)), len(lines)
    size = next(
        (size for size, (w, h) in LETTERS.items() if wide <= w and high <= h),
        min(LETTERS),
    )
    return f"<!-- _class: code{size} -->\n\n```{language}\n{code}\n```"


def _output(name: str) -> str:
    return _block(source.output(name, "text/plain"), "text")


CUT = {"code": _code, "cell": _cell, "output": _output, "exercise": exercise}


def _filled(slide: Slide, numbers: dict[str, str], load: Load) -> str:
    def number(found: re.Match) -> str:
        name = found.group(1)
        if name not in numbers and name != "agenda":
            raise WorkshopError(
                f"The deck asks for the number {name!r}, and there are: "
                f"{', '.join(numbers)}. Mend slides/deck.md."
            )
        return numbers.get(name, found.group())

    def cut(found: re.Match) -> str:
        what, *names = found.group(1).split()
        if what not in CUT:
            raise WorkshopError(
                f"The deck asks for {found.group()}, and what can be cut out is: "
                f"{', '.join(CUT)}. Mend slides/deck.md."
            )
        return CUT[what](*names)

    def figure(found: re.Match) -> str:
        picture = figures.picture(found.group(1), load, "png", titled=False)
        return f"(data:image/png;base64,{base64.b64encode(picture).decode()})"

    def stored(found: re.Match) -> str:
        picture = source.output(found.group(1), "image/png")
        return f"(data:image/png;base64,{picture.strip()})"

    def whole_lines(found: re.Match) -> str:
        return f"<!--\n{WRAPPED.sub(' ', found.group(1))}\n-->"

    text = re.sub(r"\{\{(\w+ [^}]+)\}\}", cut, slide.text)
    text = re.sub(r"\(figure:(\w+)\)", figure, text)
    text = re.sub(r"\(cell:([\w-]+)\)", stored, text)
    text = NOTES.sub(whole_lines, text)
    return re.sub(r"\{\{(\w+)\}\}", number, text)


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""
