"""Writes the small models that the server's tests use, beside this file."""

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

FLOAT, DOUBLE, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64
STRING, BOOL = TensorProto.STRING, TensorProto.BOOL
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
HERE = Path(__file__).parent


def save(
    name: str, nodes: list, inputs: dict, outputs: dict, schema: list = ()
) -> None:
    """Write a graph; ports are given as name: (type, shape)."""
    ports = [
        [helper.make_tensor_value_info(port, *of) for port, of in side.items()]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, name, *ports)
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=8)
    if schema:
        helper.set_model_props(model, {"fare.schema": json.dumps(schema)})
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


def column(name: str, port: str, dtype: str, **more: object) -> dict:
    """Return an entry of a schema."""
    entry = {"name": name, "input": port, "dtype": dtype, "unit": None}
    return entry | {"missing": False, "categories": None, "unknown": None} | more


def rides() -> None:
    """fare = 2 miles + hour + wait + 1 for members + 10 or 20 by zone + 100 by pet."""
    node = helper.make_node
    zones = {"keys_strings": ["a", "b"], "values_floats": [10.0, 20.0]}
    pets = {"keys_strings": ["dog"], "values_floats": [100.0]}
    label = {"domain": "ai.onnx.ml", "default_float": 0.0}
    save(
        "rides",
        [
            node("Add", ["miles", "miles"], ["twice"]),
            node("Cast", ["hour"], ["hours"], to=FLOAT),
            node("Cast", ["member"], ["members"], to=FLOAT),
            node("LabelEncoder", ["zone"], ["zones"], **zones, **label),
            node("LabelEncoder", ["pet"], ["pets"], **pets, **label),
            node(
                "Sum", ["twice", "hours", "wait", "members", "zones", "pets"], ["fare"]
            ),
        ],
        {
            "zone": (STRING, [None, 1]),
            "miles": (FLOAT, [None, 1]),
            "hour": (INT64, [None, 1]),
            "wait": (FLOAT, [None, 1]),
            "member": (BOOL, [None, 1]),
            "pet": (STRING, [None, 1]),
        },
        {"fare": (FLOAT, [None, 1])},
        [
            column("distance (mi)", "miles", "float32", unit="mi"),
            column("zone", "zone", "string", categories=["a", "b"], unknown="error"),
            column("hour", "hour", "int64"),
            column("wait/min", "wait", "float32", missing=True),
            column("member", "member", "bool"),
            column(
                *("pet", "pet", "string"),
                **{"missing": True, "categories": ["dog"], "unknown": "ignore"},
            ),
        ],
    )


def plain() -> None:
    """Three outputs of one float input of width 4, without a schema."""
    node = helper.make_node
    names = {"keys_int64s": [0, 1], "values_strings": ["zero", '"one"']}
    save(
        "plain",
        [
            node("ArgMax", ["X"], ["label"], axis=1, keepdims=0),
            node("Add", ["X", "X"], ["twice"]),
            node("LabelEncoder", ["label"], ["name"], domain="ai.onnx.ml", **names),
        ],
        {"X": (FLOAT, [None, 4])},
        {
            "label": (INT64, [None]),
            "twice": (FLOAT, [None, 4]),
            "name": (STRING, [None]),
        },
    )


def one_row() -> None:
    """Take exactly one row of two doubles, and return the first."""
    axis = helper.make_node("Constant", [], ["first"], value_ints=[0])
    gather = helper.make_node("Gather", ["x", "first"], ["y"], axis=1)
    save("one_row", [axis, gather], {"x": (DOUBLE, [1, 2])}, {"y": (DOUBLE, [1, 1])})


def half() -> None:
    """Return x, a float16."""
    ports = [{name: (TensorProto.FLOAT16, [None, 1])} for name in "xy"]
    save("half", [helper.make_node("Identity", ["x"], ["y"])], *ports)


def slow() -> None:
    """Return x, after a loop of a thousand rounds for each row."""
    node, value = helper.make_node, helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Identity", ["old"], ["new"])],
        "round",
        [value("round", INT64, []), value("go", BOOL, []), value("old", FLOAT, None)],
        [value("on", BOOL, []), value("new", FLOAT, None)],
    )
    save(
        "slow",
        [
            node("Size", ["x"], ["rows"]),
            node("Constant", [], ["thousand"], value_int=1000),
            node("Mul", ["rows", "thousand"], ["rounds"]),
            node("Loop", ["rounds", "", "x"], ["y"], body=body),
        ],
        {"x": (FLOAT, [None, 1])},
        {"y": (FLOAT, [None, 1])},
    )


def picky() -> None:
    """Return 7 for x = 1 and fail on x = 0, the row that a server makes up."""
    node = helper.make_node
    save(
        "picky",
        [
            node("Constant", [], ["three"], value_int=3),
            node("Constant", [], ["values"], value_floats=[7.0, 8.0, 9.0]),
            node("Mul", ["x", "three"], ["triple"]),
            node("Sub", ["three", "triple"], ["place"]),
            node("Gather", ["values", "place"], ["y"]),
        ],
        {"x": (INT64, [None, 1])},
        {"y": (FLOAT, [None, 1])},
    )


if __name__ == "__main__":
    rides()
    plain()
    one_row()
    half()
    slow()
    picky()
