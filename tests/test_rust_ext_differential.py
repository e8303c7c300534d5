"""Random models and feeds get from rust_ext what they get from onnxruntime.

Value, dtype, shape and order are compared, or the name of the exception. Where
onnxruntime itself reads garbage or dies (arrays of another byte order, arrays of bytes)
it is given what the array means. More examples, and new ones on each run:
`EXAMPLES=100000 pytest tests/test_rust_ext_differential.py`.
"""

import os
from functools import lru_cache

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto as T
from onnx import helper
from sides import both, list_of, map_of, model, optional, outcome, tensor

EXAMPLES = os.environ.get("EXAMPLES")
NUMBERS = {
    T.FLOAT16: "e",
    T.FLOAT: "f",
    T.DOUBLE: "d",
    **{getattr(T, f"INT{8 << n}"): f"i{1 << n}" for n in range(4)},
    **{getattr(T, f"UINT{8 << n}"): f"u{1 << n}" for n in range(4)},
    T.BOOL: "?",
}
DTYPES = NUMBERS | {T.STRING: "O"}
SHAPES = [None, (), ("N",), (3,), (None, 2), ("N", "M"), (2, 3), (0,), (1, None, 1)]
TEXTS = ["", "a", "é日本🚲", "x" * 40, "None", "1"]
ODD = [None, 1.0, "text", b"", {}, [], [[]], [[1], [2, 3]], {"a": 1.0}, {1: 2.0}]
ODD += [(), (1,), ({1: 2.0},), range(2), np.float32(1), np.array(None), 1j, object()]
ML = {"domain": "ai.onnx.ml"}


class Graph:
    """A random graph of a few parts, each with inputs and outputs of its own."""

    def __init__(self, rnd):
        self.rnd = rnd
        self.nodes, self.inputs, self.outputs, self.initialisers = [], [], [], []
        self.takes = {}  # what may be fed: wrapping, element and shape, by name
        self.side_by_side = []  # inputs of which all have rows, or none
        self.parts = 0
        for _ in range(rnd.randint(1, 3)):
            rnd.choice(PARTS)(self)
        rnd.shuffle(self.outputs)

    def name(self, kind):
        self.parts += 1
        return f"{kind}{self.parts}"

    def take(self, element, shape=None, wrap=""):
        """A new input: a tensor, or a list ("s"), map ("m") or optional ("o") of it."""
        name = self.name("x")
        self.takes[name] = (wrap, element, shape)
        self.inputs.append((name, wrapped(element, shape, wrap)))
        return name

    def give(self, element, shape=None, wrap="", name=None):
        """A new output, or the given one."""
        name = name or self.name("y")
        self.outputs.append((name, wrapped(element, shape, wrap)))
        return name

    def node(self, operator, inputs, outputs, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))

    def constant(self, element, values, shape=None):
        name = self.name("w")
        shape = [len(values)] if shape is None else shape
        self.initialisers.append(helper.make_tensor(name, element, shape, values))
        return name

    def some(self, elements=DTYPES):
        return self.rnd.choice([*elements])

    def model(self):
        return model(self.nodes, self.inputs, self.outputs, self.initialisers)


def wrapped(element, shape, wrap):
    inner = map_of(*element) if "m" in wrap else tensor(element, shape)
    if "s" in wrap:
        inner = list_of(inner)
    return optional(inner) if "o" in wrap else inner


def same(graph):
    element, shape = graph.some(), graph.rnd.choice(SHAPES)
    x = graph.take(element, shape)
    graph.node("Identity", [x], [graph.give(element, shape)])


def passed_on(graph):
    element, shape = graph.some(), graph.rnd.choice(SHAPES)
    x = graph.take(element, shape)
    graph.give(element, shape, name=x)
    if graph.rnd.random() < 0.5:
        graph.node("Identity", [x], [graph.give(element, shape)])


def twice(graph):
    x = graph.take(T.FLOAT, ("N",))
    y = graph.give(T.FLOAT, ("N",))
    graph.give(T.FLOAT, ("N",), name=y)
    graph.node("Neg", [x], [y])


def cast(graph):
    element, to = graph.some(NUMBERS), graph.some(NUMBERS)
    shape = graph.rnd.choice(SHAPES)
    x = graph.take(element, shape)
    graph.node("Cast", [x], [graph.give(to, shape)], to=to)


def flat(graph):
    element = graph.some()
    x, shape = graph.take(element, ("N", 2)), graph.constant(T.INT64, [-1])
    graph.node("Reshape", [x, shape], [graph.give(element, (None,))])


def together(graph):
    element = graph.some()
    xs = [graph.take(element, ("N", 2)) for _ in range(graph.rnd.randint(1, 3))]
    axis = graph.rnd.choice([0, 1, -1])
    graph.node("Concat", xs, [graph.give(element, None)], axis=axis)
    if axis:
        graph.side_by_side.append(xs)


def apart(graph):
    element = graph.some({T.FLOAT, T.INT64, T.STRING, T.BOOL, T.UINT8})
    x = graph.take(element, (None, 4))
    ys = [graph.give(element, (None, 2)) for _ in range(2)]
    graph.node("Split", [x], ys, axis=1, num_outputs=2)


def piece(graph):
    element = graph.some({T.FLOAT, T.INT64, T.STRING, T.BOOL, T.DOUBLE})
    x = graph.take(element, ("N", 2))
    bounds = [graph.constant(T.INT64, [n]) for n in (1, 9, 0)]
    graph.node("Slice", [x, *bounds], [graph.give(element)])


def weighted(graph):
    element = graph.some({T.FLOAT, T.DOUBLE, T.INT64})
    x = graph.take(element, ("N", 2))
    w = graph.constant(element, [1, 2])
    graph.inputs.append((w, tensor(element, (2,))))
    graph.takes[w] = ("w", element, (2,))
    graph.node("Add", [x, w], [graph.give(element, ("N", 2))])
    if graph.rnd.random() < 0.3:
        graph.give(element, (2,), name=w)


def maps(graph):
    x = graph.take(T.FLOAT, graph.rnd.choice([(None, 2), (2,)]))
    if graph.rnd.random() < 0.5:
        labels, key = graph.rnd.choice([[1, 2], [2, 1]]), T.INT64
        labels = {"classlabels_int64s": labels}
    else:
        labels, key = {"classlabels_strings": ["a", "é"]}, T.STRING
    y = graph.give((key, T.FLOAT), wrap="ms")
    graph.node("ZipMap", [x], [y], **ML, **labels)


def of_map(graph):
    key = graph.some({T.INT64, T.STRING})
    names = {"int64_vocabulary": [1, 2]}
    names = names if key == T.INT64 else {"string_vocabulary": ["a", "1"]}
    x = graph.take((key, T.FLOAT), wrap="m")
    graph.node("DictVectorizer", [x], [graph.give(T.FLOAT, (1, 2))], **ML, **names)


def lists(graph):
    element = graph.some()
    xs = graph.take(element, ("N",), wrap="s")
    graph.node("Identity", [xs], [graph.give(element, ("N",), wrap="s")])
    graph.node("SequenceLength", [xs], [graph.give(T.INT64, ())])


def to_list(graph):
    element = graph.some()
    xs = [graph.take(element, ("N",)) for _ in range(graph.rnd.randint(1, 2))]
    graph.node("SequenceConstruct", xs, [graph.give(element, None, wrap="s")])


def maybe(graph):
    element, shape = graph.some(), graph.rnd.choice(SHAPES)
    wrap = graph.rnd.choice(["o", "os"])
    x = graph.take(element, shape, wrap)
    graph.node("Identity", [x], [graph.give(element, shape, wrap)])
    graph.node("OptionalHasElement", [x], [graph.give(T.BOOL, ())])


def fixed(graph):
    element = graph.some({T.FLOAT, T.INT8, T.STRING})
    values = [b"a", b"b"] if element == T.STRING else [1, 2]
    graph.give(element, (2,), name=graph.constant(element, values))


def unused(graph):
    graph.take(graph.some(), graph.rnd.choice(SHAPES))
    fixed(graph)


PARTS = [same, passed_on, twice, cast, flat, together, apart, piece, weighted, maps]
PARTS += [of_map, lists, to_list, maybe, fixed, unused]


class Feed:
    """Random values for what a graph takes, and what they mean to onnxruntime."""

    def __init__(self, rnd, takes):
        self.rnd = rnd
        self.rng = np.random.default_rng(rnd.randrange(2**32))
        self.ours, self.theirs = {}, {}
        names = [*takes]
        rnd.shuffle(names)
        for name in names:
            wrap, element, shape = takes[name]
            leave_out = 0.5 if wrap and wrap[0] in "ow" else 0.03
            if rnd.random() < leave_out:
                continue
            pair = self.value(wrap, element, shape)
            self.ours[name], self.theirs[name] = pair
        if rnd.random() < 0.03:
            odd = rnd.choice(["other", "", "y1", 1, None, b"x1"])
            self.ours[odd] = self.theirs[odd] = np.zeros(1, np.float32)

    def value(self, wrap, element, shape):
        if self.rnd.random() < 0.04:
            odd = self.rnd.choice(ODD)
            return odd, odd
        if "m" in wrap:
            return self.dict(element)
        if "s" in wrap and self.rnd.random() < 0.95:
            pairs = [self.array(element, shape) for _ in range(self.rnd.randint(0, 3))]
            return [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
        ours, theirs = self.array(element, shape)
        if self.rnd.random() < 0.1:
            return ours.tolist(), ours.tolist()
        return ours, theirs

    def dict(self, element):
        keys = {T.INT64: [1, 2, 7], T.STRING: ["a", "1", "é"]}[element[0]]
        keys = [key for key in keys if self.rnd.random() < 0.7]
        if self.rnd.random() < 0.1:
            keys.insert(self.rnd.randint(0, len(keys)), self.rnd.choice([1, "a", 1.5]))
        values = [1, 2.5, True, np.float32(3), np.int64(4), float("nan")]
        if self.rnd.random() < 0.05:
            values = ["a", None, [1]]
        given = {key: self.rnd.choice(values) for key in keys}
        return given, given

    def array(self, element, shape):
        """An array in some layout, and the plain one of the same meaning."""
        if self.rnd.random() < 0.05:
            element = self.rnd.choice([*DTYPES])
        dims = [self.rnd.choice([0, 1, 1, 2, 3]) for _ in range(self.rnd.randint(0, 3))]
        if shape is not None:
            rows = self.rnd.choice([0, 1, 2, 3, 12])
            dims = [d if isinstance(d, int) else rows for d in shape]
        if self.rnd.random() < 0.04:
            change = [lambda: dims.append(1), lambda: dims.insert(0, 2)]
            change += [dims.pop, dims.reverse] if dims else []
            self.rnd.choice(change)()
        if self.rnd.random() < 0.02:
            odd = np.zeros(dims, self.rnd.choice(["F", "D", "g", "M8[s]", "m8[s]"]))
            return odd, odd
        return self.laid_out(self.content(DTYPES[element], dims))

    def content(self, dtype, dims):
        if dtype == "O":
            texts = [*TEXTS, None, 3, float("nan"), True, np.str_("k"), b"bytes"]
            array = np.empty(dims, object)
            array.ravel()[...] = [self.rnd.choice(texts) for _ in range(array.size)]
            return array
        size = int(np.prod(dims)) * np.dtype(dtype).itemsize
        if dtype == "?":
            return self.rng.integers(0, 2, dims).astype(dtype)
        if self.rnd.random() < 0.3:  # any bits: NaN, infinite, the largest
            return np.frombuffer(self.rng.bytes(size), dtype).reshape(dims).copy()
        return self.rng.integers(-3, 9, dims).astype(dtype)

    def laid_out(self, array):
        plain, way = array, self.rnd.choice(LAYOUTS)
        if array.dtype == "O" and self.rnd.random() < 0.5:
            texts = [self.rnd.choice(TEXTS) for _ in range(array.size)]
            plain = np.array(texts, object).reshape(array.shape)
            kind = self.rnd.choice(["U", "S", "T"])
            encoded = np.char.encode(plain.astype("U"), "utf-8")
            array = encoded if kind == "S" else plain.astype(kind)
        return way(array, plain)


def as_it_is(array, plain):
    return array, plain


def fortran(array, plain):
    return np.array(array, order="F"), plain


def reversed_(array, plain):
    index = (..., *[slice(None, None, -1)] * array.ndim)
    return array[index].copy()[index], plain


def strided(array, plain):
    wide = np.repeat(array, 2, axis=-1) if array.ndim else array
    return wide[..., ::2] if array.ndim else array, plain


def transposed(array, plain):
    return array.T.copy().T, plain


def broadcast(array, plain):
    first = (..., *[slice(0, 1)] * array.ndim)
    repeated = [np.broadcast_to(each[first], array.shape) for each in (array, plain)]
    return repeated[0], repeated[1].copy()


def unaligned(array, plain):
    if array.dtype.hasobject or array.dtype.kind == "T":
        return array, plain
    raw = np.frombuffer(b"0" + array.tobytes(), np.uint8, offset=1)
    return np.frombuffer(raw.data, array.dtype).reshape(array.shape), plain


def swapped(array, plain):
    if array.dtype.kind == "T":
        return array, plain
    return array.astype(array.dtype.newbyteorder()), plain


def read_only(array, plain):
    array = array.copy()
    array.flags.writeable = False
    return array, plain


def subclass(array, plain):
    return array.view(np.recarray if array.dtype == "O" else Mine), plain


class Mine(np.ndarray):
    """An array as a library might make it."""


LAYOUTS = [as_it_is, as_it_is, fortran, reversed_, strided, transposed, broadcast]
LAYOUTS += [unaligned, swapped, read_only, subclass]


def output_names(rnd, outputs):
    names = [name for name, _ in outputs]
    some = [rnd.choice(names) for _ in range(rnd.randint(0, 3))] if names else []
    odd = [["nope"], [*some, "nope"], [1], "", {*some[:1]}, tuple(some), "y1", 0, 1]
    odd += [[name.encode() for name in some], iter(()), np.array(some)]
    return rnd.choice([None, None, None, some, names[::-1], rnd.choice(odd)])


opened = lru_cache(maxsize=64)(both)


@settings(
    max_examples=int(EXAMPLES or 1500),
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[*HealthCheck],
)
@given(st.randoms(use_true_random=False))
def test_random_models_and_feeds_have_the_same_outcome(rnd):
    graph = Graph(rnd)
    theirs, ours = opened(graph.model())
    for _ in range(3):
        feed, names = Feed(rnd, graph.takes), output_names(rnd, graph.outputs)
        expected = outcome(theirs.run, names, feed.theirs)
        if leaves_gaps(graph, feed) and isinstance(expected, list):
            expected = "Fail"
        assert outcome(ours.run, names, feed.ours) == expected


def leaves_gaps(graph, feed):
    """Whether onnxruntime would return memory as it found it: some have no rows."""
    for xs in graph.side_by_side:
        given = [feed.theirs.get(x) for x in xs]
        is_table = [isinstance(x, list) or getattr(x, "ndim", 0) == 2 for x in given]
        rows = [len(x) for x, is_one in zip(given, is_table, strict=True) if is_one]
        if 0 in rows and any(rows):
            return True
    return False
