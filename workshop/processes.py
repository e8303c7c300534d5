"""Runs one process to its end, and tells what it said where it does not end well."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from workshop.errors import WorkshopError
from workshop.paths import ROOT

TIMEOUT_S = 60


class Finished(NamedTuple):
    """A process that ended well: what it printed, and when it began and ended."""

    stdout: str
    stderr: str
    began_ns: int
    ended_ns: int


def run(command: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> Finished:
    """Run a command to its end on one thread a library, and return what it left."""
    began_ns = time.time_ns()
    try:
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout_s,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or ""
        said = said if isinstance(said, str) else said.decode(errors="replace")
        raise WorkshopError(
            f"{Path(command[0]).name} {Path(command[-1]).name} did not end well: "
            f"{error}. Its last words: {said.strip()[-1000:] or 'none'}"
        ) from error
    return Finished(done.stdout, done.stderr, began_ns, time.time_ns())
