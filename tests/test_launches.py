import json
import sys

import pytest

from workshop.errors import WorkshopError
from workshop.launches import STAGES, WHOLE, commands, launch, through_uv
from workshop.models import ensure_iris
from workshop.processes import run
from workshop.results import COLUMNS

STAND_IN = """
import json, sys, time
time.sleep({sleep})
stamps = {{}}
for name in ("main", "library", "loaded", "predicted"):
    stamps[name] = time.time_ns()
    time.sleep(0.01)
print(json.dumps({{"predictions": {answer}}}))
print(json.dumps(stamps), file=sys.stderr)
"""


def stand_in(answer, sleep=0.0):
    return [sys.executable, "-c", STAND_IN.format(answer=answer, sleep=sleep)]


def test_stages_add_up_to_the_whole_process():
    samples = launch({"slow": stand_in([1], 0.2), "fast": stand_in([1])}, launches=2)
    assert set(samples.columns) == set(COLUMNS)
    times = samples.pivot_table(
        index=["arm", "launch"], columns="what", values="seconds"
    )
    assert times.index.tolist() == [(a, n) for a in ("fast", "slow") for n in (0, 1)]
    stages = times[[f"stage: {name}" for name in STAGES]]
    assert stages.sum(axis=1).to_numpy() == pytest.approx(times[WHOLE].to_numpy())
    assert (stages > 0).all(axis=None)
    assert times["stage: load"].between(0.01, 0.5).all()
    medians = times.groupby("arm")["stage: start"].median()
    assert medians["slow"] - medians["fast"] == pytest.approx(0.2, abs=0.15)


def test_arms_that_answer_differently_are_refused():
    with pytest.raises(WorkshopError, match="The arms answer differently"):
        launch({"a": stand_in([1, 2]), "b": stand_in([1, 3])}, launches=1)
    probable = '[{"label": 1, "probabilities": [0, 1, 0]}]'
    launch({"a": stand_in([1]), "b": stand_in(probable)}, launches=0)


def test_a_process_that_fails_shows_its_last_words():
    failing = [sys.executable, "-c", "raise SystemExit('the model is missing')"]
    with pytest.raises(WorkshopError, match=r"exit status 1\.\nthe model is missing"):
        launch({"a": failing})


def test_a_process_that_hangs_is_ended():
    hanging = (
        "import sys, time; print('hm', file=sys.stderr, flush=True); time.sleep(9)"
    )
    with pytest.raises(WorkshopError, match=r"still running after 0.5 s\.\nhm"):
        run([sys.executable, "-c", hanging], timeout_s=0.5)


def test_last_words_are_short_whatever_a_process_says():
    code = "import sys; sys.exit('y\\n' * 99 + 'x' * 5000)"
    with pytest.raises(WorkshopError) as raised:
        run([sys.executable, "-c", code], "It fails")
    first, *words = str(raised.value).splitlines()
    assert first == "It fails: exit status 1."
    assert words == ["y"] * 59 + ["x" * 200]


def test_a_program_that_is_missing_is_named():
    with pytest.raises(WorkshopError, match="no-such-program"):
        run(["no-such-program", "model"])


def test_the_posts_experiment_gives_one_answer_in_every_arm():
    arms = commands(ensure_iris())
    arms["onnx-python through uv"] = through_uv(arms["onnx-python"])
    samples = launch(arms, launches=1)
    whole = samples[samples["what"] == WHOLE].set_index("arm")["seconds"]
    assert set(whole.index) == set(arms)
    assert whole["sklearn"] > whole["onnx-python"] > whole["onnx-rust"]


def test_the_body_is_six_irises_of_all_three_species():
    model, body = commands(ensure_iris())["onnx-python"][-2:]
    done = run(commands(ensure_iris())["onnx-python"])
    assert model.endswith("iris.onnx") and body.endswith("iris_body.json")
    assert json.loads(done.stdout)["predictions"] == [0, 0, 1, 1, 2, 2]
    assert list(json.loads(done.stderr)) == ["main", "library", "loaded", "predicted"]
