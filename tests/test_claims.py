import pytest

from workshop.arms import IN_PROCESS_ARMS
from workshop.claims import read_claims
from workshop.errors import WorkshopError

CLAIMS = read_claims()


def test_the_table_names_the_arms_of_the_workshop():
    assert tuple(CLAIMS.whole_process.index) == IN_PROCESS_ARMS
    times = CLAIMS.whole_process[["min_s", "median_s", "max_s"]]
    assert times.apply(lambda row: row.is_monotonic_increasing, axis=1).all()


def test_the_posts_per_cents_follow_from_its_figures_as_their_rules_say():
    medians = CLAIMS.whole_process["median_s"]
    ratio = medians["onnx-python"] / medians["onnx-rust"]
    assert round(100 * (ratio - 1)) == CLAIMS.value("whole-process")
    means = CLAIMS.whole_process["mean_s"]
    assert round(100 * (means["onnx-python"] / means["onnx-rust"] - 1)) == 536
    slow = CLAIMS.value("served-sklearn-fastapi")
    fast = CLAIMS.value("served-onnx-axum")
    half = 0.00005  # the last printed digit
    allowed = [
        100 * (1 - (fast + e) / (slow + e2))
        for e in (half, -half)
        for e2 in (-half, half)
    ]
    assert min(allowed) <= CLAIMS.value("served") <= max(allowed)
    assert (round(min(allowed), 1), round(max(allowed), 1)) == (16.6, 17.9)


def test_the_post_is_credited():
    assert CLAIMS.source["author"] == "Karn Wong"
    assert CLAIMS.source["repository"] == "kahnwong/onnx-playground"
    assert CLAIMS.source["published"].startswith("2025")


def test_150_quotes_a_user_a_month():
    assert CLAIMS.value("requests") / CLAIMS.value("users") == 150


@pytest.mark.parametrize("name", ["pytorch", "no such claim"])
def test_a_claim_without_a_figure_has_no_value(name):
    with pytest.raises(WorkshopError, match=r"choose one of .*'whole-process'"):
        CLAIMS.value(name)


def test_a_broken_file_says_which(tmp_path):
    with pytest.raises(WorkshopError, match=r"claims\.toml cannot be read"):
        read_claims(tmp_path / "claims.toml")
