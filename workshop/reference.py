"""What is recorded: measurements to fall back on and to publish, golden answers."""

import shutil

from workshop import figures, golden, results
from workshop.errors import WorkshopError
from workshop.paths import BUILD, REFERENCE

NAMES = ("errors", "parity", "timing", "serving", "cost")
BENCH = ("scale", "capacity")  # of make bench; bench.json is too large
PUBLISHED = {"result.svg": "ratios"}  # in README.md


def main(argv=()):
    """Record the measurements and the golden answers; with `golden`, these alone."""
    if "golden" not in argv:
        _record_measurements()
    golden.write()
    print("recorded the golden answers")


def _record_measurements():
    """Copy build/*.json to data/reference/ and draw the published figures again."""
    missing = [name for name in NAMES if not (BUILD / f"{name}.json").exists()]
    if missing:
        raise WorkshopError(
            f"build/ holds no {', '.join(missing)}: run the series first (make run)."
        )
    REFERENCE.mkdir(exist_ok=True)
    benched = [name for name in BENCH if (BUILD / f"{name}.json").exists()]
    for name in (*NAMES, *benched):
        shutil.copyfile(BUILD / f"{name}.json", REFERENCE / f"{name}.json")
    for file, figure in PUBLISHED.items():
        picture = figures.picture(figure, results.recorded, file.rpartition(".")[2])
        (REFERENCE / file).write_bytes(picture)
    print(f"recorded {', '.join((*NAMES, *benched))}; drew {', '.join(PUBLISHED)}")
