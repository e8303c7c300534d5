"""Everything that must hold before a change counts, for a person and for CI alike."""

import subprocess
import sys
import time

from workshop import extension, prerequisites, series
from workshop.errors import WorkshopError
from workshop.paths import NOTEBOOKS, ROOT, RUST

PYTEST = [sys.executable, "-m", "pytest"]
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-kernel-name=python3"]
LIMITS = ["--nbval-cell-timeout=300", "--nbval-sanitize-with=tests/sanitize.cfg"]
RUFF = [sys.executable, "-m", "ruff"]
WORKSPACE = ["--workspace", "--locked", "--offline"]


def checks():
    """Return what must hold: its name, the command, and where the command runs."""
    names = [*series.names(), *series.extras()]
    notebooks = [str(NOTEBOOKS / name) for name in names]
    deny = ["--all-targets", "--", "-D", "warnings"]
    return [
        ("ruff check", [*RUFF, "check"], ROOT),
        ("ruff format", [*RUFF, "format", "--check"], ROOT),
        ("cargo fmt", ["cargo", "fmt", "--all", "--check"], RUST),
        ("cargo clippy", ["cargo", "clippy", *WORKSPACE, *deny], RUST),
        ("cargo test", ["cargo", "test", *WORKSPACE], RUST),
        ("pytest", PYTEST, ROOT),
        ("notebooks", [*PYTEST, *NBVAL, *LIMITS, *notebooks], ROOT),
    ]


def main(argv):
    """Run every check, or those whose name holds a word given; count the failures."""
    prerequisites.check_cargo()
    env = {**extension.for_cargo(), "PYTHONWARNINGS": "error::FutureWarning"}
    outcomes = {}
    for name, command, folder in checks():
        if argv and not any(word in name for word in argv):
            continue
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        code = subprocess.call(command, cwd=folder, env=env, stdin=subprocess.DEVNULL)
        outcomes[name] = (code, time.monotonic() - start)
    if not outcomes:
        names = ", ".join(name for name, _, _ in checks())
        raise WorkshopError(f"No check is named like {argv}. There are: {names}.")
    print()
    for name, (code, seconds) in outcomes.items():
        print(f"{name:<14} {seconds:5.0f} s  {'failed' if code else 'passed'}")
    failed = sum(1 for code, _ in outcomes.values() if code)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0
