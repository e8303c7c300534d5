"""onnxruntime and rust_ext side by side: one model in both, and what each answers."""

import struct

import numpy as np
import onnxruntime
from onnx import ModelProto, TypeProto, ValueInfoProto, helper

import rust_ext

OPSETS = {"": 18, "ai.onnx.ml": 3}


def tensor(element: int, shape: tuple | None = None) -> TypeProto:
    """Return the type of a tensor; without a shape, of any."""
    return helper.make_tensor_type_proto(element, shape)


def list_of(item: TypeProto) -> TypeProto:
    """Return the type of a list."""
    return helper.make_sequence_type_proto(item)


def map_of(key: int, value: int) -> TypeProto:
    """Return the type of a map, by the element types of its keys and values."""
    return helper.make_map_type_proto(key, tensor(value))


def optional(of: TypeProto) -> TypeProto:
    """Return the type of a value that may be left out."""
    return helper.make_optional_type_proto(of)


def model(nodes: list, inputs: dict, outputs: dict, initialisers: list = ()) -> bytes:
    """Return a model of nodes; its ports are given as name: type, or as pairs."""
    sides = [
        side.items() if isinstance(side, dict) else side for side in (inputs, outputs)
    ]
    ports = [[ValueInfoProto(name=name, type=port) for name, port in s] for s in sides]
    graph = helper.make_graph(nodes, "graph", *ports, list(initialisers))
    opsets = [helper.make_opsetid(*opset) for opset in OPSETS.items()]
    made: ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return made.SerializeToString()


def both(source: object) -> tuple:
    """Return onnxruntime's session of a model and ours, each with one quiet thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return (
        onnxruntime.InferenceSession(source, options),
        rust_ext.InferenceSession(source, options),
    )


def outcome(call: object, *arguments: object) -> object:
    """Return the answers so that they compare, or the name of the exception."""
    try:
        answers = call(*arguments)
    except Exception as error:
        return type(error).__name__
    return [comparable(answer) for answer in answers]


def comparable(value: object) -> object:
    """Return a value with every type in it, and numbers to the bit."""
    if isinstance(value, np.ndarray):
        is_exact = value.dtype.kind not in "O?"
        content = value.tobytes() if is_exact else [*map(comparable, value.ravel())]
        return (value.dtype, value.shape, content)
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return [(comparable(key), comparable(value[key])) for key in value]
    return (type(value), struct.pack("d", value) if type(value) is float else value)
