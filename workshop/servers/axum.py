"""Where the programs of rust_ext are, and how the axum arms are started."""

import os
from importlib import import_module

from workshop.errors import WorkshopError

AXUM_ARMS = {"onnx-axum": [], "noop-axum": ["--noop"]}


def binary(name: str) -> str:
    """Return the path of a program of rust_ext; raises WorkshopError without it."""
    try:
        return str(import_module("rust_ext").binary(name))
    except (ImportError, FileNotFoundError) as error:
        raise WorkshopError(
            f"The program {name} is not built ({error}). It is built by: "
            "python -m workshop setup"
        ) from None


def command(arm: str) -> list[str]:
    """Return how an axum arm is started, to be followed by its options."""
    return [binary("fare-server"), *AXUM_ARMS[arm]]


def environment() -> dict[str, str]:
    """Return the environment to start it in: it names ONNX Runtime's library."""
    try:
        library = import_module("rust_ext").onnxruntime_library()
    except ImportError as error:
        raise WorkshopError(str(error)) from None
    return {**os.environ, "ORT_DYLIB_PATH": str(library)}
