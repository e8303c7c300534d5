"""Servers are started afresh, loaded in turns, and leave samples of one schema."""

from workshop import models, served
from workshop.results import COLUMNS
from workshop.rides import FEATURES, clean, read_rides
from workshop.serving import bodies


def test_each_launch_leaves_two_samples_an_arm_and_number_of_clients():
    model = models.ensure("fare_small").onnx
    arms = {"noop-axum": model, "onnx-axum": model}
    sent = bodies(clean(read_rides())[FEATURES], 1, 50, seed=0)
    samples = served.measure(arms, sent, clients=(1, 3, 16), launches=2)
    assert set(samples) == set(COLUMNS)
    counts = samples.groupby(["arm", "what"])["launch"].nunique()
    assert len(counts) == len(arms) * 2 * 3
    assert counts.eq(2).all()
    turn = samples[samples["what"] == served.TURN.format(16)].groupby("arm")["seconds"]
    assert turn.median()["noop-axum"] < turn.median()["onnx-axum"] < 0.01
