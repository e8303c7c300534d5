"""Runs the parts of the bench, or those named, and prints what came of them."""

import argparse
from collections.abc import Callable, Sequence

import pandas as pd

from workshop.bench import capacity, extension, scale

Part = Callable[..., dict[str, pd.DataFrame]]
PARTS: dict[str, Part] = {
    "extension": extension.measure,
    "scale": scale.bench,
    "servers": capacity.bench,
}


def main(argv: Sequence[str] = ()) -> None:
    """Measure, save and print."""
    parser = argparse.ArgumentParser("python -m workshop bench", description=__doc__)
    names = ", ".join(PARTS)
    parser.add_argument(
        "part", nargs="*", help=f"one of: {names}; all if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="few cases, one launch")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(argv)
    for part in asked.part:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}: choose from {names}")
    for part in asked.part or PARTS:
        for heading, table in PARTS[part](quick=asked.quick, seed=asked.seed).items():
            shown = table.to_string(index=False, justify="left")
            print(f"\n{heading}\n{shown}", flush=True)
    print("\nall samples are in build/")
