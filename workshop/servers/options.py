"""The options of a server, each from the command line or else from the environment."""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from workshop.errors import WorkshopError
from workshop.servers.models import ARMS
from workshop.servers.rust import AXUM_ARMS

Number = TypeVar("Number", int, float)


class Parser(argparse.ArgumentParser):
    """A parser that raises WorkshopError, so that a slip costs one line."""

    def error(self, message: str) -> NoReturn:
        """Raise WorkshopError."""
        raise WorkshopError(f"{message}. Try: python -m workshop serve --help")


def at_least(kind: type[Number], least: Number, text: str) -> Number:
    """Return the number that an option gives; raises argparse's error."""
    try:
        value = kind(text)
    except ValueError:
        value = least - 1
    if not value >= least:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} up")
    return value


NATURAL = partial(at_least, int, 0)
POSITIVE = partial(at_least, int, 1)
# name, default (None: required), type, what it is
OPTIONS = [
    ("model", None, Path, "the .onnx or .joblib file"),
    ("host", "127.0.0.1", str, "where to listen; 0.0.0.0 where PORT is set"),
    ("port", 8000, NATURAL, "0 takes a free one"),
    ("max-body-bytes", 2_097_152, POSITIVE, "a larger body gets 413"),
    ("timeout-s", 30.0, partial(at_least, float, 0.001), "after it comes 408 or 504"),
    ("max-inflight", 256, POSITIVE, "more requests at once get 429"),
    ("workers", 1, POSITIVE, "processes that answer"),
]


def parse(argv: list[str], env: Mapping[str, str]) -> argparse.Namespace:
    """Return the options of a server; raises WorkshopError for what is wrong."""
    parser = Parser(
        prog="python -m workshop serve",
        description="Serve a model over HTTP.",
        epilog="Each option may stand in the environment as well: MODEL, PORT, ...",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    arms = [*ARMS, *AXUM_ARMS]
    parser.add_argument("arm", metavar="ARM", choices=arms, help=", ".join(arms))
    for name, usual, kind, text in OPTIONS:
        variable = name.replace("-", "_").upper()
        default = env.get(variable, usual)
        if variable == "HOST" and "PORT" in env:
            default = env.get(variable, "0.0.0.0")
        parser.add_argument(
            f"--{name}",
            default=default,
            required=default is None,
            type=kind,
            help=text,
        )
    parser.add_argument(
        "--exit-on-stdin-close",
        action="store_true",
        help="end with the program that holds standard input",
    )
    return parser.parse_args(argv)
