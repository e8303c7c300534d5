"""Opens a model for a peer, and ends it with whoever started it."""

import argparse
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import onnxruntime
import pandas as pd

TYPES = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(string)": object,
}
NUMBERS = ("float32", "int64")


def open_model(path: str) -> Callable[[list[dict]], list[float]]:
    """Return a function from rows to fares in USD, on one thread."""
    if path.endswith(".joblib"):
        content = joblib.load(path)
        model = content["model"]
        types = {e["name"]: e["dtype"] for e in content["schema"]}
        types = {name: dtype for name, dtype in types.items() if dtype in NUMBERS}
        return lambda rows: model.predict(pd.DataFrame(rows).astype(types)).tolist()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options)
    inputs = {i.name: TYPES[i.type] for i in session.get_inputs()}

    def predict(rows: list[dict]) -> list[float]:
        feed = {
            name: np.array([[row[name]] for row in rows], dtype)
            for name, dtype in inputs.items()
        }
        return session.run(None, feed)[0].ravel().tolist()

    return predict


def end_group(*_: object) -> None:
    """End this process and its group."""
    os.killpg(0, signal.SIGKILL)


def begin(end: Callable[..., None] = end_group) -> tuple[str, int]:
    """Return the model and a free port, having printed the address.

    Takes the options of the workshop's own servers. Calls ``end`` when this process is
    told to end, and when its standard input ends.
    """
    parser = argparse.ArgumentParser()
    for option in ("--model", "--host", "--port"):
        parser.add_argument(option, required=True)
    parser.add_argument("--exit-on-stdin-close", action="store_true")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    os.setpgrp()
    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=end_with_stdin, args=[end], daemon=True).start()
    with socket.create_server((asked.host, int(asked.port))) as free:
        port = free.getsockname()[1]
    print(f"listening on http://{asked.host}:{port}", flush=True)
    return str(Path(asked.model).resolve()), port


def end_with_stdin(end: Callable[[], None]) -> None:
    """Wait for the end of standard input, then end."""
    while os.read(0, 4096):
        pass
    end()
