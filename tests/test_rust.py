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
    asked = pd.DataFrame([[1.5, "3-west", "5-east", 18, 4, 1]], columns=FEATURES)
    fare = session.run(None, asking.feeds(asked, session))[0].item()
    assert rust.run_example("quote", model).output == f"{fare:.2f}"


def test_the_compilers_words_reach_the_notebook():
    with pytest.raises(WorkshopError, match=r"does not compile(?s:.*)no_such_program"):
        rust.run_example("no_such_program")


def test_a_program_that_fails_says_why():
    with pytest.raises(WorkshopError, match=r"does not run(?s:.*)ModelNotFound"):
        rust.run_example("quote", "no such model.onnx")
