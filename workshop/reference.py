"""The recorded measurements: what a notebook falls back on, and what is published."""

import shutil

from workshop import figures, results
from workshop.errors import WorkshopError
from workshop.paths import BUILD, REFERENCE

NAMES = ("parity", "timing", "serving", "cost")
PUBLISHED = {"result.svg": "ratios"}  # in README.md


def main(_argv=()):
    """Record build/*.json in data/reference/ and draw the published figures again."""
    missing = [name for name in NAMES if not (BUILD / f"{name}.json").exists()]
    if missing:
        raise WorkshopError(
            f"build/ holds no {', '.join(missing)}: run the series first (make run)."
        )
    REFERENCE.mkdir(exist_ok=True)
    for name in NAMES:
        shutil.copyfile(BUILD / f"{name}.json", REFERENCE / f"{name}.json")
    for file, figure in PUBLISHED.items():
        picture = figures.picture(figure, results.recorded, file.rpartition(".")[2])
        (REFERENCE / file).write_bytes(picture)
    print(f"recorded {', '.join(NAMES)}; drew {', '.join(PUBLISHED)}")
