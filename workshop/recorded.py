"""The course as it was recorded, for who cannot run a part of it."""

import os
import webbrowser
from pathlib import Path

from IPython import get_ipython

from workshop import bets, report, results, series, source, stats, versus
from workshop.errors import WorkshopError
from workshop.paths import ROOT
from workshop.served import CLIENTS, TURN
from workshop.servers.rust import rust_ext

# JupyterLab's server tells each kernel for which notebook it started it.
NOTEBOOK = "JPY_SESSION_NAME"


def need_rust_ext() -> None:
    """Return where rust_ext is there; else open the recorded course in a browser.

    It opens at this notebook, and the recorded numbers settle the bets that need
    rust_ext. Then raises WorkshopError, in one line, which whatever fails in the
    notebook from there on is shown with, too.
    """
    try:
        rust_ext()
        return
    except WorkshopError:
        books = [series.read(name) for name in series.names()]
    page = report.write(books, "recorded.html", "as it was recorded")
    webbrowser.open(page.as_uri() + _anchor())
    settle_bets()
    here = page.relative_to(ROOT)
    line = (
        "This notebook needs rust_ext, which is not built here. Read it as it was "
        f"recorded, in {here} (file browser on the left: {' > '.join(here.parts)}). To "
        "run it: 'make setup', with Rust or with your instructor's folder wheels/ in "
        "this one; then Kernel > Restart Kernel."
    )

    def again(shell, kind, error, *_args, **_options):
        said = WorkshopError(f"{line} This cell ends with {kind.__name__}: {error}")
        shell.showtraceback((WorkshopError, said, None))

    if shell := get_ipython():
        shell.set_custom_exc((Exception,), again)
    raise WorkshopError(line) from None


def settle_bets() -> None:
    """Settle the bets of what needs rust_ext as notebooks 04 to 06 were recorded."""
    quote = source.region("rust_ext/engine/examples/quote.rs", "quote")
    calls = versus.calls(results.recorded("timing"), 1)
    served = versus.kind(results.recorded("serving"), what=TURN.format(CLIENTS[-1]))
    one_row = stats.ratio_interval(calls, "onnx-python", "onnx-rust")
    all_three = stats.ratio_interval(served, "sklearn-fastapi", "onnx-axum")
    bets.settle_recorded("lines", len(quote.splitlines()))
    bets.settle_recorded("one row", one_row.ratio)
    bets.settle_recorded("served", all_three.ratio)


def _anchor() -> str:
    """Return where in the page this notebook begins; nothing outside JupyterLab."""
    name = Path(os.environ.get(NOTEBOOK, "")).name
    names = series.names()
    return f"#{report.anchor(names.index(name))}" if name in names else ""
