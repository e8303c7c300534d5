"""The ways to answer one request: each has one name, colour and mark everywhere."""

from dataclasses import dataclass

GREY, BLUE, VERMILION, BLACK = "#949494", "#0173B2", "#D55E00", "#222222"
IN_PROCESS = {"linestyle": "-", "marker": "o", "fillstyle": "full"}
FASTAPI = {"linestyle": "--", "marker": "o", "fillstyle": "none"}
AXUM = {"linestyle": ":", "marker": "s", "fillstyle": "none"}


@dataclass(frozen=True)
class Arm:
    """One way to answer: colour means engine and language, mark where it runs."""

    name: str
    label: str
    colour: str
    linestyle: str
    marker: str
    fillstyle: str


ARMS = {
    name: Arm(name, label, colour, **mark)
    for name, label, colour, mark in [
        ("sklearn", "scikit-learn", GREY, IN_PROCESS),
        ("onnx-python", "ONNX in Python", BLUE, IN_PROCESS),
        ("onnx-rust", "ONNX in Rust", VERMILION, IN_PROCESS),
        ("sklearn-fastapi", "scikit-learn behind FastAPI", GREY, FASTAPI),
        ("onnx-fastapi", "ONNX behind FastAPI", BLUE, FASTAPI),
        ("rust-fastapi", "Rust extension behind FastAPI", VERMILION, FASTAPI),
        ("onnx-axum", "ONNX behind axum", VERMILION, AXUM),
        ("noop-fastapi", "no model behind FastAPI", BLACK, FASTAPI),
        ("noop-axum", "no model behind axum", BLACK, AXUM),
    ]
}
IN_PROCESS_ARMS = ("sklearn", "onnx-python", "onnx-rust")
SERVED_ARMS = ("sklearn-fastapi", "onnx-fastapi", "rust-fastapi", "onnx-axum")
FLOOR_ARMS = ("noop-fastapi", "noop-axum")


def label(arm: str) -> str:
    """Return the arm's name as people read it; others keep their own."""
    return ARMS[arm].label if arm in ARMS else arm
