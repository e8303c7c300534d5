"""The set-up: what it is made from, and what it says when it cannot go on."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections import namedtuple

import pytest

from workshop import __main__ as commands
from workshop import environment, extension, prerequisites, set_up
from workshop.errors import WorkshopError
from workshop.paths import ROOT

EIGHT = {"jupyterlab", "scikit-learn", "skl2onnx", "onnxruntime"} | {
    *("numpy", "pandas", "seaborn", "maturin")
}


def locked():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", text))


def test_the_lock_holds_what_was_asked_for():
    text = (ROOT / "requirements.in").read_text(encoding="utf-8")
    asked = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", text))
    assert len(asked) > len(EIGHT)
    assert {name: locked().get(name) for name in asked} == asked


def test_every_locked_package_has_hashes():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    stanzas = re.split(r"(?m)^(?=[\w.-]+==)", text)[1:]
    assert len(stanzas) >= len(EIGHT)
    assert [s.split()[0] for s in stanzas if "--hash=sha256:" not in s] == []


def test_the_conda_environment_agrees_with_the_lock():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    conda = dict(re.findall(r"(?m)^  - ([\w-]+)=([\d.]+)$", text))
    assert set(conda) == EIGHT
    assert conda == {name: locked()[name] for name in EIGHT}


@pytest.mark.parametrize("found", [(3, 10), (3, 14)])
def test_a_wrong_python_is_named(monkeypatch, found):
    monkeypatch.setattr(sys, "version_info", (*found, 0))
    with pytest.raises(WorkshopError, match=rf"Python {found[0]}\.{found[1]}.*3\.11"):
        prerequisites.check_python()


def test_a_missing_cargo_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WorkshopError, match=r"cargo is not on the PATH.*rustup\.rs"):
        prerequisites.check_cargo()


def test_an_old_cargo_says_how_to_update(monkeypatch):
    monkeypatch.setattr(
        subprocess, "check_output", lambda *_, **__: "cargo 1.60.0 (1 2022-01-01)"
    )
    with pytest.raises(WorkshopError, match=r"1\.60\.0 is too old.*rustup update"):
        prerequisites.check_cargo()


def test_a_full_disk_says_how_much_it_needs(monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30))
    with pytest.raises(WorkshopError, match=r"1\.0 GiB free.*needs 4"):
        prerequisites.check_disk()


def test_a_half_made_environment_is_made_again(monkeypatch, tmp_path):
    half = tmp_path / "venv"
    (half / "bin").mkdir(parents=True)
    (half / "left over").touch()
    monkeypatch.setattr(environment, "VENV", half)
    monkeypatch.setattr(environment, "STAMPS", half / "stamps.json")
    monkeypatch.setattr(environment, "LOG", tmp_path / "log")
    monkeypatch.setattr(environment, "run", lambda _: half.mkdir())
    assert environment.read_stamps() == {}
    environment.make_venv()
    assert list(half.iterdir()) == []


def test_the_environment_does_not_remove_itself(monkeypatch):
    monkeypatch.setattr(set_up, "read_stamps", dict)
    monkeypatch.setattr(environment, "make_venv", lambda: pytest.fail("removed"))
    with pytest.raises(WorkshopError, match="from inside itself"):
        set_up.make()


def fail(words, monkeypatch):
    """Return what the set-up says of a step that ends with these words."""
    monkeypatch.setattr(environment, "LOG", ROOT / "build" / "test-setup.log")
    environment.LOG.parent.mkdir(exist_ok=True)
    with pytest.raises(WorkshopError) as raised:
        environment.run(
            [sys.executable, "-c", f"print({words!r}); raise SystemExit(3)"]
        )
    environment.LOG.unlink()
    return str(raised.value)


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("[Errno -3] Temporary failure in name resolution", "network, or a proxy"),
        ("[6] Could not resolve hostname", "network, or a proxy"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("because ensurepip is not available", "python3-venv"),
        ("error: linker `cc` not found", "no C compiler"),
        ("ERROR: No matching distribution found for rust_ext", "for another system"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM", "requirements.lock"),
    ],
)
def test_a_failing_step_says_why_in_one_line(words, meaning, monkeypatch):
    message = fail(words, monkeypatch)
    assert meaning in message
    assert message.endswith("build/test-setup.log")
    assert "\n" not in message


def test_an_unknown_failure_shows_its_last_words(monkeypatch):
    message = fail("the moon is full", monkeypatch)
    assert "  | the moon is full\n" in message


@pytest.fixture
def steps(monkeypatch):
    """What the set-up would do, and does not do here."""
    said = []
    for module in (set_up, extension):
        monkeypatch.setattr(module, "step", lambda what, _: said.append(what))
    monkeypatch.setattr(set_up, "write_stamps", lambda **_: None)
    return said


def test_a_finished_set_up_does_nothing_twice(steps):
    set_up.make()
    assert steps == []


def test_a_changed_source_is_built_again(monkeypatch, steps):
    monkeypatch.setattr(extension, "rust_sources", lambda: [])
    set_up.make()
    assert len(steps) == 1
    assert steps[0].startswith("rust_ext")


def test_a_build_by_another_command_is_built_again(monkeypatch, steps, tmp_path):
    package = tmp_path / "rust_ext"
    shutil.copytree(extension.PACKAGE, package)
    monkeypatch.setattr(extension, "PACKAGE", package)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(extension, "rust_sources", list)
    monkeypatch.setattr(extension, "VENV", tmp_path)
    before = extension.state()
    (built,) = package.glob("_rust_ext*.so")
    with built.open("ab") as file:
        file.write(b"debug")
    assert extension.state() != before


def test_the_sources_leave_out_what_is_built():
    names = {path.name for path in extension.rust_sources()}
    assert {"Cargo.lock", "lib.rs", "fare-predict.rs", "__init__.py"} <= names
    assert names.isdisjoint(extension.BINARIES)
    assert not any(name.startswith("_rust_ext.abi3") for name in names)


def test_what_is_built_is_the_extension_and_its_programs():
    names = sorted(path.stem.split(".")[0] for path in extension.built())
    assert names == sorted(["_rust_ext", *extension.BINARIES])


@pytest.fixture
def no_cargo(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(extension, "WHEELS", tmp_path)
    return tmp_path


def test_without_cargo_a_wheel_is_taken(steps, no_cargo):
    (no_cargo / "rust_ext-0.1.0.whl").touch()
    extension.make()
    assert steps == ["rust_ext and its programs, from the wheel in wheels/"]


def test_without_cargo_and_wheel_it_goes_on_and_says_what_is_missing(
    steps, no_cargo, monkeypatch, capsys
):
    extension.make()
    assert "stays as it was built. Rust's cargo is not" in capsys.readouterr().out
    monkeypatch.setattr(extension, "built", list)
    extension.make()
    said = capsys.readouterr().out
    assert steps == []
    assert "without rust_ext. Rust's cargo is not on the PATH" in said
    assert said.count("\n") == 1


def test_cargo_that_came_later_is_used(monkeypatch, no_cargo):
    without = extension.state()
    monkeypatch.undo()
    monkeypatch.setattr(extension, "WHEELS", no_cargo)
    assert extension.state() != without


@pytest.mark.parametrize(("argv", "code"), [(["help"], 0), (["dance"], 2)])
def test_an_unknown_verb_lists_the_verbs(argv, code, capsys):
    assert commands.main(argv) == code
    out, err = capsys.readouterr()
    assert "usage: python -m workshop VERB" in out + err
    assert all(verb in out + err for verb in commands.VERBS)


def test_every_verb_leads_to_a_function():
    for module, function, _ in commands.VERBS.values():
        if module:
            found = __import__(f"workshop.{module}", fromlist=[function])
            assert callable(getattr(found, function))


def test_the_start_needs_the_standard_library_only():
    code = "import sys; sys.argv = ['', 'help']; import runpy; " + (
        "runpy.run_module('workshop', run_name='__main__')"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, '.'); {code}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_cargo_is_told_of_this_environment_only(monkeypatch):
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "CARGO_TARGET_DIR", "PYO3_PYTHON"):
        monkeypatch.setenv(name, "/another/one")
    env = extension.for_cargo()
    assert "/another/one" not in env.values()
    assert env["VIRTUAL_ENV"] == str(ROOT / ".venv")
    assert env["CARGO_TARGET_DIR"] == str(ROOT / "rust_ext" / "target")


def test_a_moved_clone_is_set_up_again(monkeypatch, tmp_path):
    here = environment.digest([])
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    assert environment.digest([]) != here


def test_a_lost_program_is_built_again(monkeypatch, steps):
    built = extension.built()
    monkeypatch.setattr(extension, "built", lambda: built[:-1])
    set_up.make()
    assert len(steps) == 1


def test_a_step_that_cannot_write_says_so(monkeypatch, tmp_path):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environment, "LOG", tmp_path / "build" / "log")
    with pytest.raises(WorkshopError, match=r"stopped at a file: .*No space left"):
        environment.step("a file", full)


def test_only_what_needs_the_environment_is_handed_to_it(monkeypatch):
    handed = []
    monkeypatch.setattr(commands, "hand_over", handed.append)
    monkeypatch.setattr(environment, "is_active", lambda: False)
    monkeypatch.setattr(set_up, "make", lambda: handed.append("made"))
    monkeypatch.setattr("workshop.tidy.clean", lambda _: handed.append("cleaned"))
    commands.main(["clean"])
    commands.main(["serve", "onnx-axum"])
    commands.main(["lab"])
    own = [environment.python(), "-m", "workshop"]
    assert handed == ["cleaned", [*own, "serve", "onnx-axum"], "made", [*own, "lab"]]


HANDS_OVER = """
import os, sys
from workshop.__main__ import hand_over
print(os.getpid(), flush=True)
hand_over([sys.executable, "-c", "import os; print(os.getpid())"])
"""


def test_another_program_takes_the_place_of_this_one():
    asked = [sys.executable, "-c", HANDS_OVER]
    before, after = subprocess.check_output(asked, cwd=ROOT, text=True).split()
    assert before == after


def test_a_wheel_holds_the_extension_and_its_programs(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(extension, "WHEELS", tmp_path / "wheels")
    monkeypatch.setattr(extension, "ROOT", tmp_path)
    extension.wheel()
    assert "Put the folder wheels/ into a copy" in capsys.readouterr().out
    (wheel,) = (tmp_path / "wheels").glob("rust_ext-*.whl")
    names = {path.filename: path for path in zipfile.ZipFile(wheel).infolist()}
    for program in extension.BINARIES:
        inside = names[f"rust_ext/bin/{program}{environment.EXE}"]
        assert inside.external_attr >> 16 & 0o111, "it can be run"
    assert any(re.match(r"rust_ext/_rust_ext.*\.(so|pyd)$", name) for name in names)
