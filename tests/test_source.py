"""Shown source is cut from the compiled file."""

import pytest

from workshop import source
from workshop.errors import WorkshopError


def test_a_region_is_cut_and_moved_left(monkeypatch, tmp_path):
    monkeypatch.setattr(source, "ROOT", tmp_path)
    text = "a\n  // region: run\n  fn run() {\n\n    1\n  }\n  // endregion: run\nb\n"
    (tmp_path / "x.rs").write_text(text)
    assert source.region("x.rs", "run") == "fn run() {\n\n  1\n}"
    assert source.show("x.rs", "run").language == "rust"


def test_a_renamed_region_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(source, "ROOT", tmp_path)
    (tmp_path / "x.rs").write_text("// region: walk\n// endregion: walk\n")
    with pytest.raises(WorkshopError, match=r"x\.rs has no region 'run'"):
        source.region("x.rs", "run")
