"""Putting things back: what was made, and what was edited."""

import shutil
import subprocess
import time

from workshop.errors import WorkshopError
from workshop.paths import BUILD, ROOT

KEPT = BUILD / "kept"
EDITED = ("notebooks", "rust_ext/engine/examples")  # by those who take the course


def clean(_argv=()):
    """Remove what was made in build/, but not the files that a reset kept."""
    for path in BUILD.glob("*"):
        if path.is_dir() and path != KEPT:
            shutil.rmtree(path)
        elif path != KEPT:
            path.unlink()
    stays = f"; your files in {KEPT.relative_to(ROOT)} stay" if KEPT.exists() else ""
    print(f"removed what was made in {BUILD.name}/{stays}")


def reset(_argv=()):
    """Put the notebooks and the Rust exercise back, keeping a copy of yours."""
    changed = _git("diff", "--name-only", "--relative", "-z", "HEAD", "--", *EDITED)
    names = changed.split("\0")[:-1]
    if not names:
        print("nothing to put back: the notebooks are as they were")
        return
    kept = KEPT / time.strftime("%Y-%m-%d_%H-%M-%S")
    for name in names:
        if (ROOT / name).exists():
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, kept / name)
    _git("checkout", "-q", "HEAD", "--", *names)
    print(f"put back {len(names)} file(s); yours are in {kept.relative_to(ROOT)}")


def _git(*arguments):
    """Return what git prints, asked in the course's folder."""
    try:
        return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True)
    except (OSError, subprocess.CalledProcessError):
        raise WorkshopError(
            "git cannot put the files back as they were. Run this in a clone made by "
            "git, or unpack the course again beside your copy."
        ) from None
