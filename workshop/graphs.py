"""What an ONNX graph says of itself: inputs, operators, outputs, in words."""

from collections.abc import Iterable

import onnx
import pandas as pd

NAMES = {"float": "float32", "double": "float64"}
REARRANGE = {"Concat", "Reshape", "Identity", "Flatten", "Squeeze", "Unsqueeze"}


def describe_graph(graph: onnx.ModelProto) -> str:
    """The graph in words: a line of inputs, a line a node in order, one of outputs."""

    def values(found: Iterable[onnx.ValueInfoProto]) -> str:
        return ", ".join(f"{each.name} ({', '.join(type_of(each))})" for each in found)

    lines = [f"Inputs: {values(inputs_of(graph))}."]
    for node in graph.graph.node:
        more = f" ({', '.join(details_of(node))})" if details_of(node) else ""
        reads = ", ".join(filter(None, node.input)) or "nothing"
        makes = ", ".join(filter(None, node.output))
        lines.append(f"{node.op_type}{more} reads {reads} and makes {makes}.")
    return "\n".join([*lines, f"Outputs: {values(graph.graph.output)}."])


def inputs_of(graph: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What a caller gives: older files list their constants there, too."""
    constants = {each.name for each in graph.graph.initializer}
    return [each for each in graph.graph.input if each.name not in constants]


def type_of(value: onnx.ValueInfoProto) -> list[str]:
    """The type of a value, and its columns if there are several."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        return [str(value.type.WhichOneof("value")).removesuffix("_type")]
    name = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    columns = tensor.shape.dim[-1].dim_value if len(tensor.shape.dim) > 1 else 1
    return [NAMES.get(name, name), *([f"{columns} columns"] if columns > 1 else [])]


def details_of(node: onnx.NodeProto) -> list[str]:
    """What is worth knowing of an operator's attributes."""
    found = {each.name: each for each in node.attribute}
    if "nodes_treeids" in found:
        trees = found["nodes_treeids"].ints
        return [_count(len(set(trees)), "tree"), _count(len(trees), "node")]
    for name in ("cats_strings", "cats_int64s"):
        if name in found:
            entry = found[name]
            count = len(entry.strings) + len(entry.ints)
            return ["1 category" if count == 1 else f"{count:,} categories"]
    if node.op_type == "Cast" and "to" in found:
        name = onnx.TensorProto.DataType.Name(found["to"].i).lower()
        return [f"to {NAMES.get(name, name)}"]
    return []


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def shared(graph: onnx.ModelProto) -> list[list[onnx.NodeProto]]:
    """The nodes in order, those together that share a box.

    A node joins its only reader if both are of ONNX itself, and both rearrange or the
    reader reads nothing else (constants aside).
    """
    nodes = graph.graph.node
    maker = {each.name: -1 for each in inputs_of(graph)}
    maker |= {v: at for at, node in enumerate(nodes) for v in node.output if v}
    reads = [{maker[v] for v in node.input if v in maker} for node in nodes]
    answers = {maker.get(each.name) for each in graph.graph.output}
    home = list(range(len(nodes)))
    for at in reversed(home):
        readers = [reader for reader, read in enumerate(reads) if at in read]
        if len(readers) != 1 or at in answers:
            continue
        pair = (nodes[at], nodes[readers[0]])
        rearrange = {node.op_type for node in pair} <= REARRANGE
        if not any(n.domain for n in pair) and (rearrange or reads[readers[0]] == {at}):
            home[at] = home[readers[0]]
    return [
        [node for node, of in zip(nodes, home, strict=True) if of == place]
        for place in sorted(set(home))
    ]


def nodes_of(graph: onnx.ModelProto) -> pd.DataFrame:
    """Return what each operator reads and makes, in the file's order."""
    return pd.DataFrame(
        {
            "operator": node.op_type,
            "reads": ", ".join(node.input),
            "makes": ", ".join(node.output),
        }
        for node in graph.graph.node
    )
