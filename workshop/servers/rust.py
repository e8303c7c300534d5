"""Where rust_ext and its programs are, and how the axum arms are started."""

import os
from importlib import import_module
from types import ModuleType

from workshop.errors import WorkshopError

AXUM_ARMS = {"onnx-axum": [], "noop-axum": ["--noop"]}
BUILD_IT = "It is built by: python -m workshop setup"


def rust_ext() -> ModuleType:
    """Return the package rust_ext; raises WorkshopError where it is not built."""
    try:
        package = import_module("rust_ext")
    except ImportError as error:
        raise WorkshopError(f"rust_ext does not load: {error}. {BUILD_IT}") from None
    if package.__file__ is None:  # the folder of its sources, found as a package
        raise WorkshopError(f"rust_ext is not built. {BUILD_IT}")
    return package


def binary(name: str) -> str:
    """Return the path of a program of rust_ext; raises WorkshopError without it."""
    try:
        return str(rust_ext().binary(name))
    except FileNotFoundError as error:
        raise WorkshopError(f"{error}") from None


def command(arm: str) -> list[str]:
    """Return how an axum arm is started, to be followed by its options."""
    return [binary("fare-server"), *AXUM_ARMS[arm]]


def environment() -> dict[str, str]:
    """Return the environment to start it in: it names ONNX Runtime's library."""
    try:
        library = rust_ext().onnxruntime_library()
    except ImportError as error:
        raise WorkshopError(f"{error}") from None
    return {**os.environ, "ORT_DYLIB_PATH": str(library)}
