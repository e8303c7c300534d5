"""Putting things back: what was made, and what was edited."""

import shutil
import subprocess
import time

from workshop.errors import WorkshopError
from workshop.paths import BUILD, NOTEBOOKS, ROOT


def clean(_argv=()):
    """Remove build/, and with it every model, result and report made here."""
    shutil.rmtree(BUILD, ignore_errors=True)
    print("removed build/; the environment .venv stays")


def reset(_argv=()):
    """Put the notebooks back as they were published, keeping a copy of yours."""
    git = ["git", "-C", str(ROOT)]
    changed = ["diff", "--name-only", "-z", "HEAD", "--", "notebooks"]
    try:
        names = subprocess.check_output([*git, *changed], text=True).split("\0")[:-1]
    except (OSError, subprocess.CalledProcessError):
        raise WorkshopError(
            "git cannot say how the notebooks were. Run this in a clone made by git, "
            "or unpack the course again beside your copy."
        ) from None
    if not names:
        print("nothing to put back: the notebooks are as they were")
        return
    kept = BUILD / "kept" / time.strftime("%Y-%m-%d_%H-%M-%S")
    shutil.copytree(NOTEBOOKS, kept)
    subprocess.check_call([*git, "checkout", "-q", "HEAD", "--", *names])
    print(f"put back {len(names)} file(s); yours are in {kept.relative_to(ROOT)}")
