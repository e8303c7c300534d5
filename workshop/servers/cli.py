"""Starts an arm: ``python -m workshop serve ARM --model FILE --port N``."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from workshop.errors import WorkshopError
from workshop.servers import axum
from workshop.servers.app import Limits, Service, create_app
from workshop.servers.models import ARMS, open_model

UVICORN = {
    "lifespan": "off",
    "ws": "none",
    "log_level": "warning",
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
    "timeout_keep_alive": 30,
    "timeout_graceful_shutdown": 8,
}
BACKLOG = 2048
Number = TypeVar("Number", int, float)


class Parser(argparse.ArgumentParser):
    """A parser that raises WorkshopError, so that a slip costs one line."""

    def error(self, message: str) -> NoReturn:
        """Raise WorkshopError."""
        raise WorkshopError(f"{message}. Try: python -m workshop serve --help")


class Server(uvicorn.Server):
    """A server that says it is not ready from the moment that it is told to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to stop."""
        self.config.app.state.service.ready = False
        super().handle_exit(sig, frame)


def main(argv: list[str]) -> int:
    """Serve until told to stop; return the exit code, 2 for what cannot be served."""
    try:
        if argv and argv[0] in axum.AXUM_ARMS:
            return run_axum(*argv)
        return run(parser(os.environ).parse_args(argv))
    except WorkshopError as error:
        print(f"workshop serve: {error}", file=sys.stderr)
        return 2


def parser(env: Mapping[str, str]) -> Parser:
    """Return the parser of the options; each takes its default from ``env``."""
    made = Parser(
        prog="python -m workshop serve",
        description="Serve a model over HTTP.",
        epilog="Each option may also stand in the environment: MODEL, HOST, PORT, ...",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    arms = [*ARMS, *axum.AXUM_ARMS]
    made.add_argument("arm", metavar="ARM", choices=arms, help=", ".join(arms))

    def option(name: str, default: object, kind: Callable, text: str) -> None:
        variable = name.replace("-", "_").upper()
        default = env.get(variable, default)
        required = default is None
        made.add_argument(
            f"--{name}", default=default, type=kind, help=text, required=required
        )

    host = "0.0.0.0" if "PORT" in env else "127.0.0.1"
    option("model", None, Path, "the .onnx or .joblib file")
    option("host", host, str, "the address to listen on; 0.0.0.0 where PORT is set")
    option("port", 8000, partial(at_least, int, 0), "0 takes a free one")
    option(
        "max-body-bytes",
        2_097_152,
        partial(at_least, int, 1),
        "above it a body gets 413",
    )
    option("timeout-s", 30.0, partial(at_least, float, 0.001), "after it comes 504")
    option("max-inflight", 256, partial(at_least, int, 1), "above it comes 429")
    option("workers", 1, partial(at_least, int, 1), "processes")
    made.add_argument(
        "--exit-on-stdin-close",
        action="store_true",
        help="end with the program that holds standard input",
    )
    return made


def at_least(kind: type[Number], least: Number, text: str) -> Number:
    """Return the number that an option gives; raises argparse's error."""
    try:
        value = kind(text)
    except ValueError:
        value = least - 1
    if not value >= least:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} up")
    return value


def run(options: argparse.Namespace) -> int:
    """Serve a FastAPI arm; return 0 once it is told to stop."""
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: sys.exit(0))
    if options.exit_on_stdin_close:
        threading.Thread(target=stop_with_stdin, daemon=True).start()
    # scikit-learn's OpenMP gets one thread, as ONNX Runtime does.
    os.environ["OMP_NUM_THREADS"] = "1"
    listener = listen(options.host, options.port)
    service = make_service(options)
    host, port = listener.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    print(f"listening on http://{host}:{port}", flush=True)
    if options.workers == 1:
        config = uvicorn.Config(create_app(service), **UVICORN)
        Server(config).run([listener])
    else:
        config = uvicorn.Config(
            partial(make_app, options),
            factory=True,
            workers=options.workers,
            **UVICORN,
        )
        Multiprocess(config, [listener]).run()
    return 0


def stop_with_stdin() -> None:
    """Wait for the end of standard input, then stop as if by SIGTERM."""
    while sys.stdin.buffer.read(4096):
        pass
    signal.raise_signal(signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises WorkshopError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise WorkshopError(
            f"cannot listen on {host} port {port}: {error}. "
            "Give another --port, or 0 for a free one."
        ) from None


def make_service(options: argparse.Namespace) -> Service:
    """Return a service that has made one real prediction."""
    limits = Limits(options.max_body_bytes, options.timeout_s, options.max_inflight)
    service = Service(open_model(options.arm, options.model), limits)
    service.warm_up()
    return service


def make_app(options: argparse.Namespace) -> FastAPI:
    """Return the application of one worker process."""
    return create_app(make_service(options))


def run_axum(arm: str, *options: str) -> int:
    """Become the axum server; return its exit code where a process cannot."""
    command, env = [*axum.command(arm), *options], axum.environment()
    if os.name == "nt":
        return subprocess.call(command, env=env)
    os.execve(command[0], command, env)
