from itertools import combinations

import numpy as np
import onnx
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workshop import drawing, export, graphs, models
from workshop.arms import ARMS
from workshop.drawing import draw_graph
from workshop.errors import WorkshopError

pytestmark = pytest.mark.usefixtures("figures")

NUMBERS = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


def value(name, kind=TensorProto.FLOAT, columns=1):
    return helper.make_tensor_value_info(name, kind, [None, columns])


def model(nodes, inputs=("X",), outputs=("Y",)):
    """A model of lines such as "ml:Scaler X = a": an operator, what it reads, makes."""
    made = []
    for line in nodes:
        reads, makes = line.split(" = ")
        kind, *read = reads.split()
        domain = "ai.onnx.ml" if kind.startswith("ml:") else ""
        name = kind.removeprefix("ml:")
        made.append(helper.make_node(name, read, makes.split(), domain=domain))
    ends = [[value(name) for name in names] for names in (inputs, outputs)]
    return helper.make_model(helper.make_graph(made, "test", *ends))


def scaled_classes():
    """A pipeline with two outputs."""
    classes = (NUMBERS[:, 0] > 0).astype(int)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    return export.array_to_onnx(pipeline.fit(NUMBERS, classes), NUMBERS)


def passing_by():
    """A value that near and far nodes read, and a node that reads nothing."""
    lines = ["ml:Scaler X = a", "ml:Scaler a = b", "Constant = c", "ml:Scaler b = d"]
    return model([*lines, "Sum X a b c d = Y", "Neg a = Z"], outputs=("Y", "Z"))


def wide():
    """Twenty nodes side by side."""
    names = [f"s{at}" for at in range(20)]
    sums = "Sum " + " ".join(names) + " = Y"
    return model([*(f"ml:Scaler X = {name}" for name in names), sums])


GRAPHS = {
    "fare": lambda: onnx.load(models.ensure("fare_small").onnx),
    "iris": lambda: onnx.load(models.ensure_iris().onnx),
    "two outputs": scaled_classes,
    "passing by": passing_by,
    "wide": wide,
    "long": lambda: model([f"Very{'Long' * 9} {'x' * 40} = Y"], ["x" * 40]),
    "chain": lambda: model([f"ml:Scaler {i} = {i + 1}" for i in range(9)], "0", "9"),
    "no input": lambda: model(["Constant = Y"], inputs=()),
    "nothing to do": lambda: model([], outputs=("X",)),
}


@pytest.fixture(params=GRAPHS)
def axes(request):
    words = {"title": "A long title " * 9, "caption": "A long caption " * 20}
    axes = draw_graph(GRAPHS[request.param](), **words)
    axes.figure.canvas.draw()
    return axes


def boxes_of(axes):
    """What each box says, and where it is, in pixels."""
    found = []
    for patch in axes.patches:
        if isinstance(patch, FancyBboxPatch):
            box = patch.get_window_extent()
            said = [each.get_text() for each in axes.texts if holds(box, each)]
            found.append((" ".join(said), box))
    return found


def holds(box, text):
    return box.contains(*text.get_transform().transform(text.get_position()))


def arrows_of(axes):
    """The points along each arrow, in pixels."""
    arrows = [each for each in axes.patches if isinstance(each, FancyArrowPatch)]
    for arrow in arrows:
        path = arrow.get_path().transformed(arrow.get_transform())
        lines = path.to_polygons(closed_only=False)
        yield np.vstack([Path(line).interpolated(40).vertices for line in lines])


def links(axes):
    """Which box an arrow leaves, and which it reaches."""
    found = []
    for points in arrows_of(axes):
        (start, end) = points[0], points[points[:, 0].argmax()]
        near = [
            [said for said, box in boxes_of(axes) if on(box, side, place)]
            for side, place in (("x1", start), ("x0", end))
        ]
        found += [(left, right) for left in near[0] for right in near[1]]
    return found


def on(box, side, place):
    return abs(getattr(box, side) - place[0]) < 3 and box.y0 < place[1] < box.y1


def test_nothing_overlaps_and_no_words_leave_their_box(axes):
    boxes = [box for _, box in boxes_of(axes)]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    page = axes.get_window_extent()
    assert all(page.containsx(b.x0) and page.containsx(b.x1) for b in boxes)
    assert all(page.containsy(b.y0) and page.containsy(b.y1) for b in boxes)
    for text in axes.texts:
        words = text.get_window_extent()
        (box,) = [box for box in boxes if holds(box, text)]
        assert box.x0 < words.x0 and words.x1 < box.x1
        assert box.y0 < words.y0 and words.y1 < box.y1
    for one, other in combinations(axes.texts, 2):
        assert (
            not one.get_window_extent().padded(-2).overlaps(other.get_window_extent())
        )


def test_no_arrow_runs_through_a_box(axes):
    arrows = list(arrows_of(axes))
    assert len(links(axes)) == len(arrows)
    for box in (box.padded(-3) for _, box in boxes_of(axes)):
        assert not any(box.contains(x, y) for points in arrows for x, y in points)


def test_title_and_caption_leave_the_boxes_their_place(axes):
    page = axes.get_window_extent()
    title, caption = axes.figure._suptitle, axes.figure._supxlabel
    assert title.get_window_extent().y0 > page.y1 - 1
    assert caption.get_window_extent().y1 < page.y0 + 1


def test_letters_are_as_large_as_in_the_other_figures(axes):
    sizes = {text.get_size() for text in axes.texts}
    assert max(sizes) == plt.rcParams["xtick.labelsize"] and min(sizes) >= 14


def test_the_fare_model_reads_from_six_columns_to_one_number():
    axes = draw_graph(GRAPHS["fare"](), title="Ten nodes", caption="build")
    zones, cast = "OneHotEncoder 24 categories", "Cast to float32"
    joined = f"Concat {drawing.TIMES}2 Reshape Concat"
    trees = "TreeEnsemble Regressor 20 trees 1,220 nodes"
    inputs = ["distance_miles float32", "pickup_zone string", "dropoff_zone string"]
    inputs += ["hour int64", "weekday int64", "passengers int64"]
    steps = [zones] * 2 + [cast] * 3
    assert sorted(links(axes)) == sorted(
        [
            *zip(inputs, [joined, *steps], strict=True),
            *((step, joined) for step in steps),
            *((joined, trees), (trees, "variable float32")),
        ]
    )
    said = " ".join(axes.figure._supxlabel.get_text().split())
    assert said.startswith("10 nodes; ") and "share a box" in said
    assert said.endswith("; build") and axes.figure._suptitle.get_text() == "Ten nodes"


def test_values_of_one_type_are_alike_and_differ_from_operators():
    axes = draw_graph(GRAPHS["fare"](), title="Types")
    fills = {}
    patches = [each for each in axes.patches if isinstance(each, FancyBboxPatch)]
    for patch, (said, _) in zip(patches, boxes_of(axes), strict=True):
        kind = said.split()[-1] if said[0].islower() else "operator"
        fills.setdefault(kind, set()).add(to_hex(patch.get_facecolor()).upper())
    assert {kind: len(found) for kind, found in fills.items()} == {
        **{"float32": 1, "string": 1, "int64": 1},
        "operator": 2,
    }
    assert len(set().union(*fills.values())) == 5
    engines = {arm.colour for arm in ARMS.values()}
    assert not engines & set().union(*fills.values())


def test_a_value_that_passes_a_column_by_reaches_who_reads_it():
    axes = draw_graph(passing_by(), title="Ways")
    x, y, z = "X float32", "Y float32", "Z float32"
    found = links(axes)
    assert (
        found.count(("Scaler", "Scaler")) == 2 and found.count(("Scaler", "Sum")) == 3
    )
    assert {(x, "Scaler"), (x, "Sum"), ("Constant", "Sum"), ("Sum", y)} <= set(found)
    assert {("Scaler", "Neg"), ("Neg", z)} <= set(found) and len(found) == 11


def ends_of(axes):
    """The heights at which each arrow starts and arrives, by where that is, across."""
    found = {}
    for points in arrows_of(axes):
        start, tip = points[0], points[points[:, 0].argmax()]
        found.setdefault(round(tip[0]), []).append((start[1], tip[1]))
    return found.values()


def test_the_arrows_of_the_fare_model_run_level():
    axes = draw_graph(GRAPHS["fare"](), title="Level")
    ends = [each for arrows in ends_of(axes) for each in arrows]
    assert all(start == pytest.approx(end, abs=1) for start, end in ends)


def test_arrows_do_not_cross_where_the_order_of_boxes_can_help():
    lines = [f"ml:Scaler {name} = {name}1" for name in "dcba"]
    lines += ["ml:Scaler d1 = Z", "Sum d1 c1 b1 a1 = Y"]
    axes = draw_graph(model(lines, "abcd", ("Y", "Z")), title="In order")
    for arrows in ends_of(axes):
        for (start, end), (start2, end2) in combinations(arrows, 2):
            assert abs(start - start2) < 1 or (start - start2) * (end - end2) > 0


@pytest.mark.parametrize(
    ("nodes", "together"),
    [
        (["MatMul X W = a", "Add a B = b", "Relu b = Y"], ["MatMul Add Relu"]),
        (["Neg X = a", "Concat a X = b", "Reshape b S = Y"], ["Neg", "Concat Reshape"]),
        (["Neg X = a", "ml:Scaler a = b", "Neg b = Y"], ["Neg", "Scaler", "Neg"]),
        (["Neg X = a", "Abs a = b", "Add a b = Y"], ["Neg", "Abs", "Add"]),
        (["Neg X = a", "Abs a = Y"], ["Neg", "Abs"]),
    ],
)
def test_only_plain_steps_in_a_row_share_a_box(nodes, together):
    outputs = ("Y", "a") if len(nodes) == 2 else ("Y",)
    found = graphs.shared(model(nodes, outputs=outputs))
    assert [" ".join(node.op_type for node in box) for box in found] == together


def test_constants_of_an_older_file_are_no_inputs():
    older = model(["Add X W = Y"], inputs=("X", "W"))
    older.graph.initializer.append(helper.make_tensor("W", TensorProto.FLOAT, [1], [2]))
    assert links(draw_graph(older, title="Old")) == [
        *(("X float32", "Add"), ("Add", "Y float32"))
    ]


def test_a_graph_in_words():
    lines = graphs.describe_graph(GRAPHS["fare"]()).splitlines()
    assert lines[0].startswith(
        "Inputs: distance_miles (float32), pickup_zone (string), "
    )
    assert lines[1] == "Cast (to float32) reads hour and makes hour_cast."
    assert lines[-2].startswith("TreeEnsembleRegressor (20 trees, 1,220 nodes) reads ")
    assert lines[-1] == "Outputs: variable (float32)." and len(lines) == 12
    iris = graphs.describe_graph(GRAPHS["iris"]())
    assert "X (float32, 4 columns)" in iris
    assert "label (int64), probabilities (float32, 3 columns)" in iris
    assert "Constant reads nothing and makes c." in graphs.describe_graph(passing_by())


@pytest.mark.parametrize("count", [0, 44])
def test_a_graph_that_no_picture_can_hold_is_refused_in_words(count):
    large = model([f"Neg X = a{at}" for at in range(count)])
    if not count:
        large.graph.ClearField("input")
        large.graph.ClearField("output")
    with pytest.raises(WorkshopError, match=rf"{count} nodes.*describe_graph"):
        draw_graph(large, title="Too large")
