"""One line that says how far a long measurement is, and in the end how long it took."""

import sys
import time
from collections.abc import Iterator

from IPython import get_ipython
from IPython.display import display


def turns(count: int, what: str) -> Iterator[int]:
    """Yield 0 to count - 1, saying in a notebook or terminal which turn it is."""
    line = get_ipython() and display({"text/plain": ""}, raw=True, display_id=True)
    start = time.monotonic()
    for turn in range(count):
        _say(line, f"{what} {turn + 1} of {count}")
        yield turn
    _say(line, f"{count} times {what}: {time.monotonic() - start:.0f} s", end="\n")


def _say(line, text: str, end: str = "") -> None:
    """Replace the line in a notebook or a terminal; elsewhere say nothing."""
    if line is not None:
        line.update({"text/plain": text}, raw=True)
    elif sys.stderr.isatty():
        print(f"\r\033[K{text}", end=end, file=sys.stderr, flush=True)
