"""The room's machine: each fault that preflight knows is found, with what to do."""

import os
import shutil
import socket
import subprocess
import sys
import webbrowser
from types import SimpleNamespace

import pytest

from workshop import check, environment, preflight, prerequisites
from workshop.check import Check
from workshop.errors import WorkshopError


@pytest.fixture
def bare(monkeypatch):
    """A machine on which nothing is set up."""
    monkeypatch.setattr(environment, "is_active", lambda: False)
    monkeypatch.setattr(environment, "read_stamps", dict)
    monkeypatch.setattr(preflight, "network", lambda: Check("network", "", True, ""))


def test_a_bare_machine_is_looked_at_without_an_environment(bare, capsys):
    code = preflight.main()
    said = capsys.readouterr().out
    for what in ("Python", "disk", "memory", "ports", "proxy", "browser", "cargo"):
        assert f" {what}: " in said
    assert code == int("to mend" in said)


def test_what_is_set_up_is_checked_as_notebook_00_does(monkeypatch, capsys):
    monkeypatch.setattr(environment, "is_active", lambda: True)
    monkeypatch.setattr(check, "checks", lambda: [Check("kernel", "k", False, "K!")])
    assert preflight.main() == 1
    assert "NO  kernel: k\n      K!" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("what", "fine", "runs"),
    [("kernel", True, True), ("processors", False, True), ("rust_ext", False, False)],
)
def test_what_is_set_up_is_run_once(monkeypatch, capsys, what, fine, runs):
    monkeypatch.setattr(environment, "is_active", lambda: True)
    monkeypatch.setattr(check, "checks", lambda: [Check(what, "w", fine, "W!")])
    dry_run = SimpleNamespace(checks=lambda: [Check("servers", "s", False, "S!")])
    monkeypatch.setitem(sys.modules, "workshop.dry_run", dry_run)
    preflight.main()
    assert ("NO  servers: s\n      S!" in capsys.readouterr().out) == runs


def test_it_needs_the_standard_library_only():
    code = "import sys; from workshop import preflight, setup_code; print(*sys.modules)"
    bare = [sys.executable, "-S", "-c", code]
    loaded = subprocess.check_output(bare, text=True, cwd=preflight.ROOT).split()
    assert "workshop.preflight" in loaded
    assert {"numpy", "pandas", "rust_ext", "IPython"} & {*loaded} == set()


def fails(*_args, **_options):
    raise OSError("no")


def no_browser():
    raise webbrowser.Error


def refuses():
    raise WorkshopError("install it")


FAULTS = {
    "loopback": (socket, "create_server", fails),
    "memory": (os, "sysconf", lambda _: 1),
    "browser": (webbrowser, "get", no_browser),
    "node": (shutil, "which", lambda _: None),
    "network": (subprocess, "run", fails),
    "cargo": (prerequisites, "check_cargo", refuses),
}


@pytest.mark.parametrize("it", FAULTS)
def test_each_fault_is_found_with_what_to_do(monkeypatch, tmp_path, it):
    monkeypatch.setattr(preflight, "ROOT", tmp_path)
    monkeypatch.setattr(*FAULTS[it])
    found = getattr(preflight, it)()
    assert not found.fine
    assert found.found and found.advice


def test_a_proxy_must_leave_this_machine_alone(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert not preflight.proxy().fine
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    assert preflight.proxy().fine
