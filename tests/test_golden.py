"""Every way to run a model gives the golden answers, which scikit-learn once gave."""

import json
from functools import partial

import numpy as np
import onnxruntime
import pytest

import rust_ext
from workshop import asking, models
from workshop.arms import SERVED_ARMS
from workshop.errors import WorkshopError
from workshop.golden import GOLDEN, check, read, write
from workshop.processes import run
from workshop.serving import ask, body, local_session, serve

WAYS = {
    "scikit-learn": lambda name: models.load(name).predict,
    "onnxruntime": lambda name: in_session(onnxruntime, models.ensure(name).onnx),
    "rust_ext": lambda name: in_session(rust_ext, models.ensure(name).onnx),
}

pytestmark = pytest.mark.usefixtures("one_thread")


def in_session(library, path):
    return asking.onnx_answers(library.InferenceSession(path))


@pytest.fixture(scope="module")
def golden():
    return read()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", models.MODELS)
def test_each_model_answers_in_each_way(golden, name, way):
    assert check(golden, name, WAYS[way](name)).rows >= 55


def test_the_committed_model_is_the_one_made_here(golden):
    made = onnxruntime.InferenceSession(models.ensure("fare_small").onnx)
    kept = onnxruntime.InferenceSession(GOLDEN / "fare_small.onnx")
    assert check(golden, "fare_small", asking.onnx_answers(kept)).beyond == 0
    schemas = [each.get_modelmeta().custom_metadata_map for each in (made, kept)]
    assert len({each[asking.SCHEMA] for each in schemas}) == 1, (
        "the committed model has another schema than the one made here: "
        "record it with python -m workshop reference golden"
    )


def test_the_program_answers(golden, tmp_path):
    program = [rust_ext.binary("fare-predict"), models.ensure("fare").onnx]
    library = ["--ort-library", rust_ext.onnxruntime_library()]

    def predict(rows):
        (tmp_path / "body.json").write_bytes(body(rows))
        asked = [*program, tmp_path / "body.json", *library]
        return json.loads(run([*map(str, asked)]).stdout)["predictions"]

    assert check(golden, "fare", predict).rows == len(golden.rows)


@pytest.mark.parametrize("arm", SERVED_ARMS)
def test_each_server_answers_rows_and_columns(golden, arm):
    files = models.ensure("fare")
    file = json.loads((GOLDEN / "fare.json").read_text(encoding="utf-8"))

    def ask_columns(_):
        with local_session() as session:
            answer = session.post(f"{url}/predict", json={"columns": file["rows"]})
        return answer.json()["predictions"]

    with serve(arm, files.served_by(arm)) as url:
        for way in (partial(ask, url), ask_columns):
            assert check(golden, "fare", way).rows == len(golden.rows)


@pytest.mark.parametrize("arm", ["onnx-fastapi", "onnx-axum"])
def test_a_row_without_an_answer_is_refused(golden, arm):
    (refused,) = np.isnan(golden.answers["gbr"]).nonzero()
    assert len(refused) == 3
    with serve(arm, models.ensure("gbr").onnx) as url:
        check(golden, "gbr", partial(ask, url))
        for row in refused:
            with pytest.raises(WorkshopError, match="422 at /instances/0/distance_mil"):
                ask(url, golden.rows.iloc[[row]])


def test_what_differs_is_counted_and_the_worst_is_named(golden):
    answers = golden.answers["gbr"]

    def off(rows):
        got = answers[rows.index].copy()
        got[-3:] += [0.5, 0.00009, -0.75]
        return got

    with pytest.raises(WorkshopError) as told:
        check(golden, "gbr", off)
    last = len(golden.rows) - 1
    told.match(rf"{last - 2} rows .* golden ones of gbr: 0 are refused, the others")
    told.match(rf"by up to 0\.75 USD, most on row {last}\.")
    told.match("python -m workshop reference golden")
    with pytest.raises(WorkshopError, match="up to inf USD, most on row 0"):
        check(golden, "fare", lambda rows: np.full(len(rows), np.nan))


def test_written_again_the_file_holds_the_same_rows(golden, tmp_path):
    write(tmp_path)
    again = read(tmp_path / "fare.json")
    assert again.rows.equals(golden.rows)
    assert list(again.answers) == list(models.MODELS)
    made = models.ensure("fare_small").onnx.read_bytes()
    assert (tmp_path / "fare_small.onnx").read_bytes() == made
