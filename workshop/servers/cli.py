"""Starts an arm: ``python -m workshop serve ARM --model FILE --port N``."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from workshop.errors import WorkshopError
from workshop.servers import rust
from workshop.servers.app import Limits, Service, create_app
from workshop.servers.models import open_model
from workshop.servers.options import parse

# uvicorn never closes a connection that sends no request, and reads a request's head
# however long it is: put a proxy in front of it where strangers can connect.
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


class Server(uvicorn.Server):
    """A server that says it is not ready from the moment that it is told to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to stop."""
        self.config.app.state.service.stopping = True
        super().handle_exit(sig, frame)


def main(argv: list[str]) -> int:
    """Serve until told to stop; return the exit code, 2 for what cannot be served."""
    try:
        if argv and argv[0] in rust.AXUM_ARMS:
            return run_axum(*argv)
        return run(parse(argv, os.environ))
    except WorkshopError as error:
        print(f"workshop serve: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Serve a FastAPI arm; return 0 once it is told to stop."""
    stop_with_signals(lambda *_: sys.exit(0))
    if options.exit_on_stdin_close:
        threading.Thread(target=stop_with_stdin, daemon=True).start()
    # scikit-learn's OpenMP gets one thread, as ONNX Runtime does.
    os.environ["OMP_NUM_THREADS"] = "1"
    listener = listen(options.host, options.port)
    service = make_service(options)
    host, port = listener.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    if options.workers == 1:
        server = Server(uvicorn.Config(create_app(service), **UVICORN))
        stop_with_signals(server.handle_exit)
        serve = partial(server.run, [listener])
    else:
        app, workers = partial(make_app, options), options.workers
        config = uvicorn.Config(app, factory=True, workers=workers, **UVICORN)
        serve = Multiprocess(config, [listener]).run
    print(f"listening on http://{host}:{port}", flush=True)
    serve()
    return 0


def stop_with_signals(handler: Callable[..., Any]) -> None:
    """Call the handler when told to stop."""
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, handler)


def stop_with_stdin() -> None:
    """Wait for the end of standard input, then stop as if by SIGTERM."""
    # Not through sys.stdin: its lock, held here, aborts Python where it ends.
    while os.read(0, 4096):
        pass
    signal.raise_signal(signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises WorkshopError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise WorkshopError(
            f"cannot listen on {host} port {port}: {error.strerror}. "
            "Give another --host or --port (0 takes a free one)."
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
    command, env = [*rust.command(arm), *options], rust.environment()
    if os.name == "nt":
        return subprocess.call(command, env=env)
    os.execve(command[0], command, env)
