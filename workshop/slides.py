"""The slides: filled from the recorded measurements, built offline by Marp."""

import base64
import os
import re
import shutil

from workshop import figures, results, versus
from workshop.errors import WorkshopError
from workshop.paths import BUILD, ROOT
from workshop.processes import run

SLIDES = ROOT / "slides"
OUT = BUILD / "slides"
MARP = SLIDES / "node_modules" / ".bin" / ("marp.cmd" if os.name == "nt" else "marp")
INSTALL_S = 600


def main(_argv=()):
    """Build the HTML with presenter view, and the PDF with notes, in build/slides/."""
    OUT.mkdir(parents=True, exist_ok=True)
    deck = OUT / "deck.md"
    text = (SLIDES / "deck.md").read_text(encoding="utf-8")
    deck.write_text(fill(text, versus.numbers(results.recorded)), encoding="utf-8")
    install()
    marp(deck, OUT / "fare-and-square.html")
    marp(deck, OUT / "fare-and-square.pdf", "--pdf-notes")
    print(f"the slides are in {OUT.relative_to(ROOT)}/")


def fill(text, numbers):
    """Return the deck with its {{numbers}} and figure:names put in.

    Raises WorkshopError for a name that nothing fills.
    """

    def number(found):
        if found.group(1) not in numbers:
            raise WorkshopError(
                f"The deck asks for the number {found.group(1)!r}, and there are: "
                f"{', '.join(numbers)}. Mend slides/deck.md."
            )
        return numbers[found.group(1)]

    def figure(found):
        picture = figures.picture(found.group(1), results.recorded, "png")
        return f"(data:image/png;base64,{base64.b64encode(picture).decode()})"

    text = re.sub(r"\{\{(\w+)\}\}", number, text)
    return re.sub(r"\(figure:(\w+)\)", figure, text)


def install():
    """Install Marp from its lock file, once."""
    if MARP.exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise WorkshopError(
            "The slides are built by Marp, which needs Node.js 20 or newer with npm. "
            "Install Node.js from https://nodejs.org, then run: make slides"
        )
    command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    failure = "Marp cannot be installed (is the network in the way of npm's registry?)"
    run(command, failure, timeout_s=INSTALL_S, cwd=SLIDES)


def marp(deck, target, *options):
    """Convert the deck to the target's format."""
    theme = ["--theme-set", str(SLIDES / "theme.css"), "--no-config-file"]
    env = {**os.environ, "CHROME_NO_SANDBOX": "1"}
    command = [str(MARP), str(deck), *theme, *options, "-o", str(target)]
    failure = f"Marp cannot build {target.name}"
    if target.suffix == ".pdf":
        failure += " (it needs Chrome, Chromium, Edge or Firefox to print it)"
    run(command, failure, cwd=OUT, env=env)
