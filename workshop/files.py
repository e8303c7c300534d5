"""Files that are whole or not there, and the two that a model has."""

import os
from pathlib import Path
from typing import NamedTuple


class ModelFiles(NamedTuple):
    """One fitted model twice: as scikit-learn pickled it, and as an ONNX graph."""

    joblib: Path
    onnx: Path

    def served_by(self, arm: str) -> Path:
        """Return the one that a served arm, such as sklearn-fastapi, opens."""
        return self.joblib if arm.startswith("sklearn") else self.onnx


def write_whole(path: Path, data: bytes) -> Path:
    """Return the path, whose content was replaced in one step: nobody reads half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(data)
    return half.replace(path)
