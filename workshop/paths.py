"""Where the parts of the course lie, whatever the working directory is."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
REFERENCE = DATA / "reference"
NOTEBOOKS = ROOT / "notebooks"
RUST = ROOT / "rust_ext"
BUILD = ROOT / "build"
