"""The course as it was recorded, for who cannot run a part of it."""

import webbrowser

from workshop import report, series
from workshop.errors import WorkshopError
from workshop.paths import ROOT
from workshop.servers.rust import rust_ext


def need_rust_ext() -> None:
    """Return where rust_ext is there; else open the recorded course in a browser.

    Then raises WorkshopError, in one line.
    """
    try:
        rust_ext()
    except WorkshopError:
        books = [series.read(name) for name in series.names()]
        page = report.write(books, "recorded.html", "as it was recorded")
        webbrowser.open(page.as_uri())
        raise WorkshopError(
            "This notebook needs rust_ext, which is not built here: read it as it was "
            f"recorded, in {page.relative_to(ROOT)}."
        ) from None
