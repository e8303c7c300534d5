"""An ONNX model behind the application, run by onnxruntime or by rust_ext."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

from workshop.errors import WorkshopError
from workshop.gaps import MISSING_TEXT
from workshop.servers.columns import Column
from workshop.servers.models import refusal
from workshop.servers.rust import rust_ext

# ONNX's names of element types, where numpy has another one
DTYPES = {"float": "float32", "double": "float64"}


class OnnxModel:
    """A session of one thread; without a schema the graph's inputs are its columns."""

    def __init__(self, path: Path, engine: ModuleType, errors: ModuleType) -> None:
        """Open the file; raises WorkshopError for what cannot be served."""
        self.errors = error_classes(errors)
        try:
            self.session = engine.InferenceSession(str(path), one_thread())
            inputs = self.session.get_inputs()
            metadata = self.session.get_modelmeta().custom_metadata_map
            schema = json.loads(metadata.get("fare.schema", "[]"))
            columns = list(columns_of(inputs, schema))
        except (*self.errors, ValueError, KeyError, TypeError) as error:
            raise WorkshopError(
                f"{path.name} is not a model of rows that can be served: "
                f"{error}. Export it again with notebook 02."
            ) from None
        self.columns = {column.name: column for column in columns}
        self.shapes = {port.name: (-1, *port.shape[1:]) for port in inputs}
        self.outputs = [port.name for port in self.session.get_outputs()]
        batches = {port.shape[0] for port in inputs}
        self.batch = next((size for size in batches if isinstance(size, int)), None)

    def predict(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Return the outputs by name."""
        feeds = {}
        for column in self.columns.values():
            array = arrays[column.name]
            if column.missing and array.dtype.kind == "O":
                array = np.where(np.equal(array, None), MISSING_TEXT, array)
            feeds[column.input] = array.reshape(self.shapes[column.input])
        try:
            outputs = self.session.run(None, feeds)
        except self.errors as error:
            raise refusal(error) from None
        return dict(zip(self.outputs, outputs, strict=True))


def open_python(path: Path) -> OnnxModel:
    """Return the model, run by onnxruntime."""
    return OnnxModel(path, onnxruntime, onnxruntime_pybind11_state)


def open_rust(path: Path) -> OnnxModel:
    """Return the model, run by rust_ext."""
    return OnnxModel(path, rust_ext(), rust_ext().errors)


def error_classes(module: ModuleType) -> tuple[type[Exception], ...]:
    """Return the exceptions that a module defines."""
    found = vars(module).values()
    return tuple(e for e in found if isinstance(e, type) and issubclass(e, Exception))


def one_thread() -> onnxruntime.SessionOptions:
    """Return session options that are alike in every arm: one thread, no spinning."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def columns_of(inputs: Iterable[Any], schema: list[dict]) -> Iterator[Column]:
    """Yield a column for each input; raises ValueError where they do not fit."""
    ports = {port.name: port for port in inputs}
    if not ports:
        raise ValueError("it has no inputs")
    entries = schema or [{"name": name, "input": name} for name in ports]
    if sorted(entry["input"] for entry in entries) != sorted(ports):
        raise ValueError("its fare.schema names other inputs than the graph has")
    for entry in entries:
        port = ports[entry["input"]]
        match port.shape:
            case [_]:
                width = 1
            case [_, int(width)]:
                pass
            case _:
                raise ValueError(f"input '{port.name}' has shape {port.shape}")
        element = port.type.removeprefix("tensor(").removesuffix(")")
        dtype = DTYPES.get(element, element)
        if entry.get("dtype", dtype) != dtype:
            raise ValueError(f"'{entry['name']}' is {entry['dtype']}, not {dtype}")
        yield Column.from_schema({**entry, "dtype": dtype}, width)
