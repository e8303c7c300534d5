"""Rust programs built from a notebook: the fare they quote, the errors they show."""

import pandas as pd
import pytest

import rust_ext
from workshop import asking, models, rust
from workshop.errors import WorkshopError
from workshop.rides import FEATURES


def test_the_program_quotes_the_fare_of_the_session():
    model = models.ensure("fare").onnx
    session = rust_ext.InferenceSession(model)
    asked = pd.DataFrame([[2.0, "3-west", "5-east", 9, 4, 1]], columns=FEATURES)
    fare = session.run(None, asking.feeds(asked, session))[0].item()
    assert rust.run_example("quote", model).output == f"{fare:.2f}"


def test_the_program_says_what_the_session_takes():
    model = models.ensure("fare").onnx
    inputs = rust_ext.InferenceSession(model).get_inputs()
    said = rust.run_example("inputs", model).output
    assert said == "\n".join(f"{each.name}: {each.type}" for each in inputs)


def test_each_build_is_timed_in_each_launch_and_the_debug_build_is_slow():
    samples = rust.time_builds("row_by_row", rows=20_000, launches=2)
    counts = samples.groupby(["arm", "launch"]).size()
    assert counts.index.tolist() == [(arm, n) for arm in rust.BUILDS for n in (0, 1)]
    assert counts.nunique() == 1
    median_s = samples.groupby("arm")["seconds"].median()
    assert median_s["debug"] > 2 * median_s["release"] > 0


def test_the_compilers_words_reach_the_notebook():
    with pytest.raises(WorkshopError, match=r"does not compile(?s:.*)no_such_program"):
        rust.run_example("no_such_program")


def test_a_program_that_fails_says_why():
    with pytest.raises(WorkshopError, match=r"does not run(?s:.*)ModelNotFound"):
        rust.run_example("quote", "no such model.onnx")
