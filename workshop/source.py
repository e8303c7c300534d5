"""Source shown in notebooks, cut from the files that are compiled."""

import re
from pathlib import Path

from IPython.display import Code

from workshop.errors import WorkshopError
from workshop.paths import ROOT

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


def show(path, name):
    """Return a named region of a file, highlighted for a notebook."""
    return Code(region(path, name), language=LANGUAGES[Path(path).suffix])
