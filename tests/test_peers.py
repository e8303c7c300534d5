"""Peers answer as the workshop's servers do, where they are installed."""

import os

import numpy as np
import psutil
import pytest

from workshop import models, peers
from workshop.errors import WorkshopError
from workshop.serving import ask, command, serve


def test_a_peer_that_is_not_installed_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "BUILD", tmp_path)
    assert peers.installed() == []
    with pytest.raises(WorkshopError, match="python -m workshop peers"):
        command("onnx-litserve")


def test_what_runs_in_a_peers_environment_knows_nothing_of_the_workshop():
    for path in peers.FOLDER.glob("*.py"):
        if path.name != "__init__.py":
            assert "workshop" not in [
                line.split()[1].partition(".")[0]
                for line in path.read_text(encoding="utf-8").splitlines()
                if line.startswith(("import ", "from "))
            ]


@pytest.mark.heavy
@pytest.mark.parametrize("arm", peers.ARMS)
def test_a_peer_answers_as_scikit_learn_does_and_leaves_nothing_behind(arm, rides):
    files, few = models.ensure("fare"), rides.head(200)
    model = files.served_by(arm)
    with serve(arm, model) as url:
        answers = ask(url, few)
        process = psutil.Process(url.pid)
        family = [process, *process.children(recursive=True)]
    wanted = models.load("fare").predict(few)
    assert np.abs(np.array(answers) - wanted).max() < 1e-3
    _, alive = psutil.wait_procs(family, timeout=5)
    assert [each.pid for each in alive if each.pid != os.getpid()] == []
