"""Files that are whole or not there: nobody reads half of one."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> Path:
    """Return the path, whose content was replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(data)
    return half.replace(path)
