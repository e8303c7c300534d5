"""Runs one process to its end, and tells what it said where it does not end well."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from workshop.errors import WorkshopError
from workshop.paths import ROOT

TIMEOUT_S = 60
LINES, WIDTH = 60, 200  # of what a failing process said, its last words


class Finished(NamedTuple):
    """A process that ended well: what it printed, and when it began and ended."""

    stdout: str
    stderr: str
    began_ns: int
    ended_ns: int


def run(
    command: Sequence[str],
    failure: str = "",
    *,
    timeout_s: float = TIMEOUT_S,
    cwd: Path = ROOT,
    env: Mapping[str, str] = os.environ,
) -> Finished:
    """Run a command to its end on one thread a library, and return what it left.

    Raises WorkshopError where it does not end well: `failure` (what that means to
    the reader), why, and the command's last words.
    """
    began_ns = time.time_ns()
    try:
        done = subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout_s,
            cwd=cwd,
            env={**env, "OMP_NUM_THREADS": "1"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        what = failure or f"{Path(command[0]).name} {Path(command[-1]).name} failed"
        said = getattr(error, "stderr", None) or ""
        said = said if isinstance(said, str) else said.decode(errors="replace")
        words = "\n".join(line[:WIDTH] for line in said.splitlines()[-LINES:])
        raise WorkshopError(f"{what}: {_why(error)}.\n{words}") from error
    return Finished(done.stdout, done.stderr, began_ns, time.time_ns())


def _why(error: Exception) -> str:
    """Return the reason without the whole command line."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"exit status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it was still running after {error.timeout:g} s"
    return str(error)
