"""Reads the clock after each stage of a script, for the process that launched it."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

STAMPS: dict[str, int] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Note when the stage ended, and before the first one when `main` began."""
    STAMPS.setdefault("main", time.time_ns())
    yield
    STAMPS[name] = time.time_ns()


def report() -> None:
    """Print the stamps on standard error, as `fare-predict --stages` does."""
    print(json.dumps(STAMPS), file=sys.stderr)
