"""Writes the models beside it: `python make.py`."""

import json
from pathlib import Path

from onnx import ModelProto, TensorProto, checker, helper
from onnx.external_data_helper import set_external_data

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
BYTES = bytes([0, 1, 2, 127])  # the last two are no truth values
ROWS = ["rows"]
ML = "ai.onnx.ml"
OPSETS = {"": 17, ML: 3}
VOCABULARY = {"int64_vocabulary": [1, 2, 3]}
COLUMN = ["rows", 1]
SCHEMA = [
    {
        "name": name,
        "input": input_name,
        "dtype": dtype,
        "unit": unit,
        "missing": missing,
        "categories": categories,
        "unknown": categories and "ignore",
    }
    for name, input_name, dtype, unit, missing, categories in [
        ("distance", "distance_miles", "float32", "mile", True, None),
        ("passengers", "passengers", "int64", None, False, None),
        ("zone", "zone", "string", None, False, ["north", "south"]),
    ]
]


def port(name: str, element: int, shape: object = None, wrap: str = "") -> object:
    """Return a tensor's port, or that of a map ("m"), list ("s") or optional ("o")."""
    value = helper.make_tensor_type_proto(element, shape)
    if "m" in wrap:
        value = helper.make_map_type_proto(INT64, value)
    if "s" in wrap:
        value = helper.make_sequence_type_proto(value)
    if "o" in wrap:
        value = helper.make_optional_type_proto(value)
    return helper.make_value_info(name, value)


def model(nodes: list, inputs: list, outputs: list, constants: list) -> ModelProto:
    """Return a checked model of a few nodes."""
    ports = [[port(*each) for each in side] for side in (inputs, outputs)]
    constants = [helper.make_tensor(*constant) for constant in constants]
    domains = {more.get("domain", "") for *_, more in nodes}
    nodes = [helper.make_node(op, ins, outs, **more) for op, ins, outs, more in nodes]
    graph = helper.make_graph(nodes, "model", *ports, constants)
    opset = [helper.make_opsetid(domain, OPSETS[domain]) for domain in sorted(domains)]
    made = helper.make_model(
        graph, opset_imports=opset, ir_version=9, producer_name="engine tests"
    )
    checker.check_model(made)
    return made


def models() -> dict[str, ModelProto]:
    """Return each model by its file's name."""
    fare = model(
        [
            ("Cast", ["passengers"], ["p"], {"to": FLOAT}),
            ("Mul", ["distance_miles", "rate"], ["d"], {}),
            ("Add", ["d", "base"], ["b"], {}),
            ("Add", ["b", "p"], ["fare_usd"], {}),
            ("Identity", ["zone"], ["zone_out"], {}),
        ],
        [
            ("distance_miles", FLOAT, COLUMN),
            ("passengers", INT64, COLUMN),
            ("zone", STRING, COLUMN),
        ],
        [("fare_usd", FLOAT, COLUMN), ("zone_out", STRING, COLUMN)],
        [("rate", FLOAT, [], [1.75]), ("base", FLOAT, [], [2.5])],
    )
    helper.set_model_props(fare, {"fare.schema": json.dumps(SCHEMA)})
    weights = model(
        [("MatMul", ["x", "w"], ["y"], {})],
        [("x", FLOAT, [None, 3])],
        [("y", FLOAT, [None, 1])],
        [("w", FLOAT, [3, 1], [0.5, -1.25, 2.0])],
    )
    positive = model(
        [
            ("Greater", ["x", "zero"], ["kept"], {}),
            ("Compress", ["x", "kept"], ["y"], {"axis": 0}),
        ],
        [("x", FLOAT, ROWS)],
        [("y", FLOAT, ["some"])],
        [("zero", FLOAT, [], [0.0])],
    )
    passing = model(
        [("Identity", [a], [b], {}) for a, b in (("x", "y"), ("x", "z"), ("y", "w"))],
        [("x", FLOAT, ROWS)],
        [(name, FLOAT, ROWS) for name in "xyzw"],
        [],
    )
    twice = model(
        [("Neg", ["x"], ["y"], {})], [("x", FLOAT, ROWS)], 2 * [("y", FLOAT, ROWS)], []
    )
    values = model(
        [
            ("ZipMap", ["x"], ["maps"], {"domain": ML, "classlabels_int64s": [7, 8]}),
            ("DictVectorizer", ["map"], ["row"], {"domain": ML, **VOCABULARY}),
            ("Identity", ["list"], ["same"], {}),
            ("OptionalHasElement", ["maybe"], ["is_there"], {}),
            ("Identity", ["maybe"], ["again"], {}),
            ("Add", ["x", "more"], ["sum"], {}),
        ],
        [
            ("x", FLOAT, ["rows", 2]),
            ("map", FLOAT, None, "m"),
            ("list", STRING, None, "s"),
            ("maybe", FLOAT, None, "o"),
            ("more", FLOAT, [2]),
        ],
        [
            ("maps", FLOAT, None, "ms"),
            ("row", FLOAT, [1, 3]),
            ("same", STRING, None, "s"),
            ("is_there", TensorProto.BOOL, []),
            ("again", FLOAT, None, "o"),
            ("sum", FLOAT, ["rows", 2]),
        ],
        [("more", FLOAT, [2], [10.0, 20.0])],
    )
    truths = model(
        [("Gather", ["bytes", "x"], ["y"], {})],
        [("x", INT64, ROWS)],
        [("y", TensorProto.BOOL, ROWS)],
        [("bytes", TensorProto.BOOL, [len(BYTES)], BYTES, True)],
    )
    weights_beside = truths.graph.initializer[0]
    set_external_data(weights_beside, "truths.bin")
    weights_beside.ClearField("raw_data")
    return {
        "fare": fare,
        "weights": weights,
        "positive": positive,
        "passing": passing,
        "twice": twice,
        "truths": truths,
        "values": values,
    }


if __name__ == "__main__":
    for name, made in models().items():
        path = Path(__file__).with_name(f"{name}.onnx")
        path.write_bytes(made.SerializeToString())
    Path(__file__).with_name("truths.bin").write_bytes(BYTES)
