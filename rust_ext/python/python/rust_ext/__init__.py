"""Runs ONNX models through Rust: a drop-in for onnxruntime's InferenceSession."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from . import errors
from ._rust_ext import (
    BUILD_PROFILE,
    InferenceSession,
    ModelMetadata,
    NodeArg,
    _forked,
)

__all__ = [
    "BUILD_PROFILE",
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "binary",
    "errors",
    "onnxruntime_library",
]

# ONNX Runtime would report to its maker; set to 0 before the import to let it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

LIBRARY_NAMES = {"win32": "onnxruntime.dll", "darwin": "libonnxruntime.*dylib"}


def onnxruntime_library() -> Path:
    """Return ONNX Runtime's library: ORT_DYLIB_PATH, else the installed wheel's.

    Raises ImportError where there is none. Does not import onnxruntime.
    """
    if named := os.environ.get("ORT_DYLIB_PATH"):
        return Path(named)
    spec = find_spec("onnxruntime")
    pattern = LIBRARY_NAMES.get(sys.platform, "libonnxruntime.so*")
    for package in (spec and spec.submodule_search_locations) or []:
        for library in sorted(Path(package, "capi").glob(pattern)):
            return library
    raise ImportError(
        "ONNX Runtime's library is not in this environment; "
        "`pip install onnxruntime`, or set ORT_DYLIB_PATH to the file"
    )


def binary(name: str) -> Path:
    """Return the program `name` that came with this package, such as fare-server.

    Raises FileNotFoundError where there is none.
    """
    folder = Path(__file__).parent / "bin"
    program = folder / (f"{name}.exe" if sys.platform == "win32" else name)
    if program.is_file():
        return program
    there = ", ".join(sorted(path.stem for path in folder.glob("*"))) or "none"
    raise FileNotFoundError(
        f"rust_ext holds no program '{name}' (it holds {there}); "
        "`python -m workshop setup` builds them"
    )
