"""Models of many kinds behind the arms, and what starts and stops a server."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from types import ModuleType

import httpx
import joblib
import numpy as np
import pandas as pd
import psutil
import pytest
import requests
from conftest import ARMS
from onnx import TensorProto, helper
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from workshop import export, models
from workshop.errors import WorkshopError
from workshop.servers.app import Limits, Service, create_app
from workshop.servers.columns import Column, dtype_of
from workshop.servers.models import open_model
from workshop.servers.options import parse
from workshop.servers.problems import RequestError
from workshop.serving import ask, bodies, command, serve

FULL_ARMS = [arm for arm in ARMS if not arm.startswith("noop")]
ONNX_ARMS = [arm for arm in FULL_ARMS if arm != "sklearn-fastapi"]


def answer(arm, files, document):
    """The status and the JSON of an arm's answer; FastAPI's arms without a socket."""
    body = json.dumps(document)
    if arm == "onnx-axum":
        with serve(arm, files.onnx) as url, requests.Session() as session:
            session.trust_env = False
            json_type = {"Content-Type": "application/json"}
            answer = session.post(f"{url}/predict", body, headers=json_type)
            return answer.status_code, answer.json()
    path = files.served_by(arm)
    try:
        service = Service(open_model(arm, path), Limits())
        return 200, json.loads(service.answer(body.encode(), time.perf_counter()).body)
    except RequestError as error:
        return error.response().status_code, json.loads(error.response().body)


def write(folder, model, graph):
    files = models.ModelFiles(folder / "m.joblib", folder / "m.onnx")
    schema = export.schema_of(graph)
    joblib.dump({"model": model, "schema": schema}, files.joblib)
    export.save(graph, files.onnx)
    return files


def write_graph(folder, shape, op, *operands, element=TensorProto.FLOAT, **column):
    """A graph of one node from x to y, which have this shape; column x in a schema."""
    x, y = (helper.make_tensor_value_info(name, element, shape) for name in "xy")
    graph = helper.make_graph([helper.make_node(op, operands, ["y"])], op, [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    if column:
        entry = {"name": "x", "input": "x", "unit": None, "categories": None}
        schema = json.dumps([entry | {"unknown": None} | column])
        helper.set_model_props(model, {"fare.schema": schema})
    return models.ModelFiles(None, export.save(model, folder / "m.onnx"))


@pytest.mark.parametrize("arm", FULL_ARMS)
def test_a_model_of_plain_arrays_takes_a_list_a_row(arm):
    rows = [{"X": [5.1, 3.5, 1.4, 0.2]}, {"X": [6, 3, 5, 2]}]
    status, content = answer(arm, models.ensure_iris(), {"instances": rows})
    assert status == 200
    first, second = content["predictions"]
    assert set(first) == {"label", "probabilities"}
    assert (first["label"], second["label"]) == (0, 2)
    assert sum(second["probabilities"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("arm", FULL_ARMS)
@pytest.mark.parametrize("value", [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, "4"], 1])
def test_a_list_of_another_width_is_refused(arm, value):
    status, content = answer(
        arm, models.ensure_iris(), {"instances": [{"X": [1, 2, 3, 4]}, {"X": value}]}
    )
    assert status == 422
    detail = "'X' must be a list of 4 numbers"
    assert content["errors"] == [{"pointer": "/instances/1/X", "detail": detail}]


@pytest.mark.parametrize("arm", FULL_ARMS)
def test_two_values_a_row_are_a_list_by_output_name(arm, tmp_path):
    rng = np.random.default_rng(0)
    array = rng.random((60, 3), np.float32)
    forest = RandomForestRegressor(5, random_state=0).fit(array, array[:, :2])
    files = write(tmp_path, forest, export.array_to_onnx(forest, array))
    document = {"columns": {"X": array[:2].tolist()}}
    status, content = answer(arm, files, document)
    assert status == 200
    values = [row["variable"] for row in content["predictions"]]
    np.testing.assert_allclose(values, forest.predict(array[:2]), atol=1e-5)


@pytest.fixture
def trips(tmp_path):
    """A model that refuses categories it does not know, of columns with odd names."""
    frame = pd.DataFrame(
        {
            "Trip Duration (s)": np.float32([60, 120, 300, 600]),
            "Member/Casual": ["a", "b", "c", "a"],
        }
    )
    encoded = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["Member/Casual"]),
        remainder="passthrough",
    )
    model = make_pipeline(encoded, LinearRegression()).fit(frame, [1, 2, 3, 4])
    return model, frame, write(tmp_path, model, export.to_onnx(model, frame))


@pytest.mark.parametrize("arm", FULL_ARMS)
def test_columns_go_by_their_original_names(arm, trips):
    model, frame, files = trips
    document = {"instances": json.loads(frame.to_json(orient="records"))}
    status, content = answer(arm, files, document)
    assert status == 200
    np.testing.assert_allclose(content["predictions"], model.predict(frame), atol=1e-4)


@pytest.mark.parametrize("arm", FULL_ARMS)
def test_an_unknown_category_is_named(arm, trips):
    _, _, files = trips
    row = {"Trip Duration (s)": 60, "Member/Casual": "z"}
    status, content = answer(arm, files, {"instances": [row]})
    assert status == 422
    detail = "'Member/Casual' has no category 'z'"
    pointer = "/instances/0/Member~1Casual"
    assert content["errors"] == [{"pointer": pointer, "detail": detail}]


@pytest.mark.parametrize("arm", FULL_ARMS)
def test_labels_may_be_text(arm, tmp_path):
    array = np.float32([[0], [1], [2], [3]])
    labels = ["casual", "casual", "member", "member"]
    model = LogisticRegression().fit(array, labels)
    files = write(tmp_path, model, export.array_to_onnx(model, array))
    status, content = answer(arm, files, {"instances": [{"X": 0}, {"X": 3}]})
    assert status == 200
    labels = [row["label"] for row in content["predictions"]]
    assert labels == ["casual", "member"]


@pytest.mark.parametrize("arm", ONNX_ARMS)
def test_a_prediction_that_is_no_number_is_null(arm, tmp_path):
    files = write_graph(tmp_path, [None, 1], "Div", "x", "x")
    status, content = answer(arm, files, {"columns": {"x": [0, 2]}})
    assert (status, content) == (200, {"predictions": [None, 1.0]})


@pytest.mark.parametrize("arm", ONNX_ARMS)
def test_missing_text_is_no_text_that_a_caller_can_send(arm, tmp_path):
    text = {"dtype": "string", "missing": True, "element": TensorProto.STRING}
    files = write_graph(tmp_path, [None, 1], "Identity", "x", **text)
    status, content = answer(arm, files, {"columns": {"x": [None, "é🚲"]}})
    assert (status, content) == (200, {"predictions": ["\uffff", "é🚲"]})


@pytest.mark.parametrize("arm", ONNX_ARMS)
def test_truth_values_are_a_type_of_their_own(arm, tmp_path):
    files = write_graph(tmp_path, [None], "Not", "x", element=TensorProto.BOOL)
    status, content = answer(arm, files, {"columns": {"x": [True, False]}})
    assert (status, content) == (200, {"predictions": [False, True]})
    status, content = answer(arm, files, {"columns": {"x": [1]}})
    assert (status, content["detail"]) == (422, "'x' must be true or false")


@pytest.mark.parametrize("arm", ONNX_ARMS)
def test_a_batch_of_fixed_size_is_kept_to(arm, tmp_path):
    files = write_graph(tmp_path, [1, 4], "Neg", "x")
    one, three = ({"columns": {"x": [[1, 2, 3, 4]] * rows}} for rows in (1, 3))
    assert answer(arm, files, one)[1] == {"predictions": [{"y": [-1, -2, -3, -4]}]}
    status, content = answer(arm, files, three)
    assert status == 422
    assert content["detail"] == "the model takes 1 rows at a time, not 3"


@pytest.mark.parametrize("arm", ONNX_ARMS)
def test_a_model_of_unknown_width_is_not_served(arm, tmp_path):
    files = write_graph(tmp_path, [None, None], "Neg", "x")
    with pytest.raises(WorkshopError, match=r"'x' has shape \["):
        answer(arm, files, {"instances": []})


@pytest.mark.parametrize("arm", ONNX_ARMS)
def test_a_model_without_inputs_is_not_served(arm, tmp_path):
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    one = helper.make_node("Constant", [], ["y"], value_floats=[1.0])
    opsets = [helper.make_opsetid("", 18)]
    graph = helper.make_graph([one], "none", [], [y])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    files = models.ModelFiles(None, export.save(model, tmp_path / "m.onnx"))
    with pytest.raises(WorkshopError, match="it has no inputs"):
        answer(arm, files, {"instances": []})


SAMPLES = [
    None,
    True,
    0,
    1.0,
    1.5,
    300,
    2**63,
    -(2**63),
    1e20,
    1e39,
    -1e39,
    "a",
    "",
    [1],
]
SAMPLES += [{}, [1, 2], [1.5, None], [1, "a"], [True, False]]


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    ("dtype", "categories"),
    [
        *[(dtype, None) for dtype in ("float32", "float64", "bool")],
        *[(dtype, known) for dtype in ("int64", "uint8") for known in (None, [0])],
        *[("string", known) for known in (None, [], ["a"])],
    ],
)
def test_both_looks_at_a_value_agree(dtype, categories, missing, width):
    entry = {"name": "x", "input": "x", "dtype": dtype, "missing": missing}
    entry |= {"categories": categories, "unknown": "error"}
    column = Column.from_schema(entry, width)
    good = [value for value in SAMPLES if column.array([value]) is not None]
    told = [value for value in SAMPLES if column.problem(value) is None]
    assert repr(good) == repr(told)


@pytest.mark.parametrize(
    ("dtype", "categories", "told"),
    [
        ("float32", [1.5], "'x' is float32, which has no categories"),
        ("bool", [True], "'x' is bool, which has no categories"),
        ("int64", [1, 2.0], "'x' takes integers, and its category 2.0 is none"),
        ("string", ["a", 1], "'x' takes strings, and its category 1 is none"),
    ],
)
def test_a_category_is_a_value_of_its_column(dtype, categories, told, tmp_path):
    element = helper.np_dtype_to_tensor_dtype(dtype_of(dtype))
    known = {"dtype": dtype, "categories": categories, "unknown": "error"}
    files = write_graph(tmp_path, [None, 1], "Identity", "x", element=element, **known)
    with pytest.raises(WorkshopError, match=re.escape(told)):
        open_model("onnx-fastapi", files.onnx)


class OddModel:
    """A model that answers when it is let, and fails on 0."""

    batch = None

    def __init__(self):
        self.columns = {"x": Column("x", "x", np.dtype("float32"))}
        self.may_answer = threading.Event()

    def predict(self, arrays):
        assert self.may_answer.wait(10)
        if not arrays["x"].all():
            raise ZeroDivisionError("of a secret")
        return {"y": arrays["x"]}


def ask_app(service, *paths, x=1.0):
    """The answers of an application to requests at the same time: POSTs carry x."""

    async def ask_all():
        transport = httpx.ASGITransport(create_app(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as app:
            body = {"instances": [{"x": x}]}
            sent = [
                app.post(path, json=body) if path == "/predict" else app.get(path)
                for path in paths
            ]
            return await asyncio.gather(*sent)

    return asyncio.run(ask_all())


def test_a_slow_answer_is_given_up_and_holds_nobody_up():
    service = Service(OddModel(), Limits(timeout_s=0.2), inline_bytes=0)
    slow, live = ask_app(service, "/predict", "/health/live")
    service.model.may_answer.set()
    assert live.status_code == 200
    assert live.elapsed < slow.elapsed
    assert (slow.status_code, slow.json()["type"]) == (504, "urn:fare:timeout")
    assert slow.json()["detail"] == "the answer took longer than 0.2 s"
    assert service.in_flight == 0


def test_what_finds_no_place_is_refused_at_once():
    limits = Limits(timeout_s=0.2, max_inflight=1)
    service = Service(OddModel(), limits, inline_bytes=0)
    slow, refused = ask_app(service, "/predict", "/predict")
    service.model.may_answer.set()
    assert slow.status_code == 504
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["detail"] == "1 requests are in flight: try again"
    assert refused.elapsed < slow.elapsed / 2


def test_a_failure_is_told_without_its_cause():
    service = Service(OddModel(), Limits())
    service.model.may_answer.set()
    (failed,) = ask_app(service, "/predict", x=0)
    assert (failed.status_code, failed.json()["type"]) == (500, "urn:fare:internal")
    assert failed.headers["content-type"] == "application/problem+json"
    assert "secret" not in failed.text


def test_ready_is_after_a_prediction_and_before_the_end():
    service = Service(OddModel(), Limits())
    service.model.may_answer.set()
    seen = []
    for _ in range(2):
        (health,) = ask_app(service, "/health/ready")
        seen.append(health.status_code)
        ask_app(service, "/predict")
    service.stopping = True
    (health,) = ask_app(service, "/health/ready")
    assert seen == [503, 200]
    assert (health.status_code, health.json()["type"]) == (503, "urn:fare:not-ready")


def test_a_slow_model_never_answers_on_the_event_loop(monkeypatch):
    files = models.ensure("fare_small")
    service = Service(open_model("onnx-fastapi", files.onnx), Limits())
    service.warm_up()
    assert service.inline_bytes > 0
    assert service.answered
    predict = service.model.predict

    def slowly(arrays):
        time.sleep(0.02)
        return predict(arrays)

    monkeypatch.setattr(service.model, "predict", slowly)
    service.warm_up()
    assert service.inline_bytes == 0


def test_a_flag_beats_the_environment():
    env = {"MODEL": "a.onnx", "PORT": "1234", "TIMEOUT_S": "2.5"}
    options = parse(["onnx-fastapi", "--timeout-s", "7"], env)
    assert (str(options.model), options.port, options.timeout_s) == ("a.onnx", 1234, 7)
    assert options.host == "0.0.0.0"
    assert parse(["onnx-fastapi"], {"MODEL": "a"}).host == "127.0.0.1"
    assert parse(["onnx-fastapi"], env | {"FARE_HOST": "::1"}).host == "::1"
    conda = {"MODEL": "a", "HOST": "x86_64-conda-linux-gnu"}
    assert parse(["onnx-fastapi"], conda).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["onnx-fastapy"], "invalid choice: 'onnx-fastapy'"),
        (["onnx-fastapi"], "required: --model"),
        (
            ["onnx-fastapi", "--model", "a", "--port", "x"],
            "'x' is no number 0 to 65535",
        ),
        (["onnx-fastapi", "--model", "a", "--timeout-s", "nan"], "'nan' is no number"),
        (["onnx-fastapi", "--model", "a", "--timeout-s", "inf"], "'inf' is no number"),
        (["onnx-fastapi", "--model", "a", "--workers", "0"], "'0' is no number 1 to"),
    ],
)
def test_a_wrong_option_is_named(argv, told):
    with pytest.raises(WorkshopError, match=re.escape(told)):
        parse(argv, {})


def run(arm, *options):
    line, env = command(arm)
    return subprocess.Popen(
        [*line, *map(str, options)],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("arm", ["onnx-fastapi", "onnx-axum"])
def test_a_server_that_cannot_start_says_so_in_one_line(arm, tmp_path):
    html = tmp_path / "page.onnx"
    html.write_text("<html>404</html>")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        model = models.ensure("fare_small").onnx
        for options, told in [
            (["--model", tmp_path / "no.onnx", "--port", "0"], "no.onnx"),
            (["--model", html, "--port", "0"], "page.onnx"),
            (["--model", model, "--port", port], port),
        ]:
            server = run(arm, *options)
            out, err = server.communicate(timeout=30)
            assert (out, server.returncode) == ("", 2)
            (line,) = err.strip().splitlines()
            assert told in line


@pytest.mark.parametrize(
    ("arm", "kind", "told"),
    [
        ("onnx-fastapi", "joblib", "onnx-fastapi serves a .onnx file"),
        ("sklearn-fastapi", "onnx", "sklearn-fastapi serves a .joblib file"),
    ],
)
def test_a_model_of_the_wrong_kind_is_refused(arm, kind, told):
    path = getattr(models.ensure("fare_small"), kind)
    with pytest.raises(WorkshopError, match=re.escape(told)):
        open_model(arm, path)


@pytest.mark.parametrize("arm", ["rust-fastapi", "onnx-axum"])
def test_a_missing_build_says_what_to_run(arm, monkeypatch):
    folder_of_sources = ModuleType("rust_ext")
    folder_of_sources.__file__ = None
    monkeypatch.setitem(sys.modules, "rust_ext", folder_of_sources)
    with pytest.raises(WorkshopError, match=r"not built.*python -m workshop setup"):
        if arm == "onnx-axum":
            command(arm)
        else:
            open_model(arm, models.ensure("fare_small").onnx)


@pytest.mark.parametrize("arm", ["rust-fastapi", "onnx-fastapi"])
def test_a_file_that_is_no_model_is_refused(arm, tmp_path):
    path = tmp_path / "page.onnx"
    path.write_text("<html>404</html>")
    with pytest.raises(WorkshopError, match=r"page\.onnx is not a model"):
        open_model(arm, path)


def test_a_pickle_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.joblib"
    joblib.dump(LinearRegression(), path)
    with pytest.raises(WorkshopError, match=r"other\.joblib does not hold a dict"):
        open_model("sklearn-fastapi", path)


@pytest.mark.parametrize("arm", ["onnx-fastapi", "onnx-axum"])
def test_it_ends_with_its_standard_input(arm):
    model = models.ensure("fare_small").onnx
    with run(arm, "--model", model, "--port", "0", "--exit-on-stdin-close") as server:
        assert server.stdout.readline().startswith("listening on http://127.0.0.1:")
        server.stdin.close()
        assert server.wait(5) == 0
        said = server.stderr.read().splitlines()
        told = ["listening", "stopping", "stopped"] if arm == "onnx-axum" else []
        assert [word for line in said for word in told if f": {word} " in line] == told
        assert len(said) == len(told)


@pytest.mark.parametrize("arm", ["onnx-fastapi", "onnx-axum"])
def test_it_ends_with_a_notebook_that_is_killed(arm):
    model = str(models.ensure("fare_small").onnx)
    notebook = """
import sys, time
from pathlib import Path
from workshop.serving import serve
with serve(sys.argv[1], Path(sys.argv[2])) as url:
    print(url.pid, flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", notebook, arm, model]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as kernel:
        server = psutil.Process(int(kernel.stdout.readline()))
        kernel.kill()
    assert psutil.wait_procs([server], timeout=5)[1] == []


def test_workers_are_processes_that_end_together(rides):
    with serve(
        "onnx-fastapi", models.ensure("fare_small").onnx, "--workers", "2"
    ) as url:
        assert len(ask(url, rides.head(3))) == 3
        server = psutil.Process(url.pid)
        family = [server, *server.children(recursive=True)]
    gone, alive = psutil.wait_procs(family, timeout=5)
    assert len(gone) >= 3
    assert not alive


def test_serve_says_what_it_started(rides):
    with serve("noop-fastapi", models.ensure("fare_small").onnx) as url:
        assert url.startswith("http://127.0.0.1:")
        assert 0.01 < url.ready_s < 60
        assert 20e6 < url.rss_bytes() < 500e6
        assert ask(url, rides.head(2)) == [0.0, 0.0]
        with pytest.raises(WorkshopError, match=r"422 at /instances/0.*'hour'"):
            ask(url, rides.head(2).drop(columns="hour"))
    assert not psutil.pid_exists(url.pid)
    with pytest.raises(WorkshopError, match="stops with the block"):
        ask(url, rides.head(2))


def test_serve_tells_the_words_of_a_server_that_fails(tmp_path):
    with (
        pytest.raises(WorkshopError, match=r"noop-fastapi did not start.*no model at"),
        serve("noop-fastapi", tmp_path / "none.onnx"),
    ):
        pytest.fail("it cannot have started")


def test_serve_names_the_arms_there_are():
    with (
        pytest.raises(WorkshopError, match=r"no served arm 'flask'.*onnx-axum"),
        serve("flask", None),
    ):
        pytest.fail("it cannot have started")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux pins")
def test_serve_pins_a_server_to_its_cores():
    core = max(os.sched_getaffinity(0))
    with serve("noop-fastapi", models.ensure("fare_small").onnx, cores={core}) as url:
        assert os.sched_getaffinity(url.pid) == {core}


def test_bodies_differ_and_come_again_with_the_seed(rides):
    made = bodies(rides, 2, 50, seed=1)
    assert made == bodies(rides, 2, 50, seed=1)
    assert made != bodies(rides, 2, 50, seed=2)
    assert len(set(made)) == 50
    rows = json.loads(made[0])["instances"]
    assert [list(row) for row in rows] == [list(rides)] * 2
    assert len(str(rows[0]["distance_miles"])) < 6  # a float32 is written short
