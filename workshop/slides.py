"""The slides: filled from the recorded measurements, built offline by Marp."""

import os
import shutil

from workshop import deck, results
from workshop.errors import WorkshopError
from workshop.paths import BUILD, ROOT
from workshop.processes import run

SLIDES = ROOT / "slides"
OUT = BUILD / "slides"
HTML = OUT / "fare-and-square.html"
MARP = SLIDES / "node_modules" / ".bin" / ("marp.cmd" if os.name == "nt" else "marp")
INSTALL_S = 600


def main(_argv=()):
    """Build the HTML with presenter view, and the PDF with notes, in build/slides/."""
    OUT.mkdir(parents=True, exist_ok=True)
    filled = OUT / "deck.md"
    text = deck.fill(deck.DECK.read_text(encoding="utf-8"), results.recorded)
    filled.write_text(text, encoding="utf-8")
    install()
    marp(filled, HTML)
    marp(filled, HTML.with_suffix(".pdf"), "--pdf-notes")
    print(f"the slides are in {OUT.relative_to(ROOT)}/")


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


def marp(filled, target, *options):
    """Convert the filled deck to the target's format."""
    theme = ["--theme-set", str(SLIDES / "theme.css"), "--no-config-file"]
    env = {**os.environ, "CHROME_NO_SANDBOX": "1"}
    command = [str(MARP), str(filled), *theme, *options, "-o", str(target)]
    failure = f"Marp cannot build {target.name}"
    if target.suffix == ".pdf":
        failure += " (it needs Chrome, Chromium, Edge or Firefox to print it)"
    run(command, failure, cwd=OUT, env=env)
