"""The set-up check names each fault and says what to do about it."""

import sys
import types

import pytest

from workshop import check
from workshop.errors import WorkshopError


def test_a_ready_machine_is_ready():
    results = check.checks()
    assert check.text(results).endswith("ready")
    check.require(results)


def test_another_python_is_sent_to_the_kernel_menu(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/somewhere/else")
    found = check.kernel()
    assert not found.fine
    assert "Change Kernel" in found.advice


def test_a_missing_extension_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rust_ext", None)
    assert not check.extension().fine
    # The folder rust_ext/ of the repository can be imported, and holds nothing.
    monkeypatch.setitem(sys.modules, "rust_ext", types.ModuleType("rust_ext"))
    assert check.extension().found == "not built"
    assert [each.what for each in check.rust()] == ["rust_ext"]
    check.require(check.rust())  # the others of the course run without it
    assert check.text(check.rust()).endswith("\n1 to mend for notebooks 04 to 06")


def test_a_debug_build_is_refused(monkeypatch):
    debug = types.SimpleNamespace(BUILD_PROFILE="debug")
    monkeypatch.setitem(sys.modules, "rust_ext", debug)
    assert check.build() == ("build", "debug", False, check.build().advice)


def test_a_missing_library_is_named(monkeypatch):
    def gone():
        raise ImportError("no onnxruntime here")

    broken = types.SimpleNamespace(onnxruntime_library=gone)
    monkeypatch.setitem(sys.modules, "rust_ext", broken)
    assert "no onnxruntime here" in check.library().found


def test_another_version_is_named(monkeypatch):
    monkeypatch.setattr(check, "version", lambda _: "0.0.1")
    assert "numpy 0.0.1" in check.packages().found


def test_one_processor_is_said_and_does_not_stop(monkeypatch):
    monkeypatch.setattr(check, "allowed_cores", lambda: 1)
    fault = check.cores()
    assert not fault.fine
    assert "take turns" in check.text([fault])
    check.require([fault])


def test_any_other_fault_stops():
    faults = [check.Check(what, "x", False, "y") for what in ("kernel", "rust_ext")]
    with pytest.raises(WorkshopError, match="Mend kernel, rust_ext first"):
        check.require(faults)
    assert check.text(faults).endswith("\n2 to mend before you go on")
