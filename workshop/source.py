"""Source shown in notebooks and slides, cut from the files that are run."""

import json
import re
from pathlib import Path

from IPython.display import Code

from workshop.errors import WorkshopError
from workshop.paths import NOTEBOOKS, ROOT

LANGUAGES = {".rs": "rust", ".py": "python"}


def region(path, name):
    """Return the lines between `// region: name` and `// endregion: name`.

    The path is relative to the repository's root. Raises WorkshopError where the file
    has no such region.
    """
    text = (ROOT / path).read_text(encoding="utf-8")
    marks = (
        rf"(?m)^[ \t]*(?://|#) region: {name}\n(.*?)^[ \t]*(?://|#) endregion: {name}$"
    )
    found = re.search(marks, text, re.DOTALL)
    if not found:
        raise WorkshopError(f"{path} has no region {name!r}: was it renamed?")
    lines = found.group(1).splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[indent:] for line in lines)


def cell(name):
    """Return the source of the notebooks' cell of that id, such as 02-18.

    The two digits it begins with are the notebook's. Raises WorkshopError where there
    is no such cell.
    """
    return "".join(_cell(name)["source"])


def output(name, kind):
    """Return what is stored under a cell of that id, of a kind such as text/plain.

    Raises WorkshopError where there is no such cell, or no such output under it.
    """
    for each in _cell(name).get("outputs", []):
        if kind in each.get("data", {}):
            return "".join(each["data"][kind])
    raise WorkshopError(
        f"The cell {name!r} has no {kind} stored under it: run "
        f"'python -m workshop store' with notebook {name[:2]}."
    )


def _cell(name):
    for path in NOTEBOOKS.glob(f"{name[:2]}_*.ipynb"):
        for each in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if each["id"] == name:
                return each
    raise WorkshopError(f"No notebook has a cell {name!r}: was it taken out?")


def show(path, name):
    """Return a named region of a file, highlighted for a notebook."""
    return Code(region(path, name), language=LANGUAGES[Path(path).suffix])
