"""The options of a server, each from the command line or else from the environment."""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from workshop.errors import WorkshopError
from workshop.servers.app import Limits
from workshop.servers.models import ARMS
from workshop.servers.rust import AXUM_ARMS

Number = TypeVar("Number", int, float)


class Parser(argparse.ArgumentParser):
    """A parser that raises WorkshopError, so that a slip costs one line."""

    def error(self, message: str) -> NoReturn:
        """Raise WorkshopError."""
        raise WorkshopError(f"{message}. Try: python -m workshop serve --help")


def between(least: Number, most: Number, text: str) -> Number:
    """Return the number that an option gives; raises argparse's error."""
    try:
        value = type(least)(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number {least} to {most}")
    return value


COUNT = partial(between, 1, 2**31)
# name, default (None: required), type, what it is
OPTIONS = [
    ("model", None, Path, "the .onnx or .joblib file"),
    ("host", "127.0.0.1", str, "where to listen; 0.0.0.0 where PORT is set"),
    ("port", 8000, partial(between, 0, 65_535), "0 takes a free one"),
    ("max-body-bytes", Limits.max_body_bytes, COUNT, "a larger body gets 413"),
    (
        "timeout-s",
        Limits.timeout_s,
        partial(between, 0.001, 86_400.0),
        "a slower body gets 408, a slower answer 504",
    ),
    ("max-inflight", Limits.max_inflight, COUNT, "more requests at once get 429"),
    ("workers", 1, COUNT, "processes that answer"),
]


def parse(argv: list[str], env: Mapping[str, str]) -> argparse.Namespace:
    """Return the options of a server; raises WorkshopError for what is wrong."""
    parser = Parser(
        prog="python -m workshop serve",
        description="Serve a model over HTTP.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    arms = [*ARMS, *AXUM_ARMS]
    parser.add_argument("arm", metavar="ARM", choices=arms, help=", ".join(arms))
    for name, usual, kind, text in OPTIONS:
        # Not HOST: conda's compilers set that to the name of their target.
        variable = "FARE_HOST" if name == "host" else name.replace("-", "_").upper()
        default = env.get(variable, usual)
        if name == "host" and "PORT" in env:
            default = env.get(variable, "0.0.0.0")
        parser.add_argument(
            f"--{name}",
            default=default,
            required=default is None,
            type=kind,
            help=f"{text} [env: {variable}]",
        )
    parser.add_argument(
        "--exit-on-stdin-close",
        action="store_true",
        help="end with the program that holds standard input",
    )
    return parser.parse_args(argv)
