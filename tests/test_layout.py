"""The house: arrows point one way, the README's tree is the disk's, nothing leaks."""

import ast
import json
import re
import subprocess
import tomllib

import pytest

from workshop.paths import NOTEBOOKS, ROOT, RUST

# What a crate may stand on, of what a mistake would pull in.
FORBIDDEN = {
    "engine": {"pyo3", "numpy", "axum", "tokio", "hyper", "fare-server"},
    "python": {"axum", "tokio", "hyper", "ort", "fare-server"},
    "server": {"pyo3", "numpy", "ort"},
    "load": {"pyo3", "numpy", "ort", "axum", "engine"},
}
LEAKS = re.compile(
    r"(?<![\w.])/(?:work|root|tmp|home)/\w|artifactory|pypi\.org|pythonhosted|"
    r"index\.crates\.io|registry\.npmjs"
)


def tracked():
    """The project's files, new ones too."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    return [name for name in names if name and (ROOT / name).exists()]


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def test_workshop_stands_on_neither_notebooks_nor_tests():
    modules = list((ROOT / "workshop").rglob("*.py"))
    assert len(modules) > 10
    wrong = [
        p.name
        for p in modules
        if {"tests", "notebooks"} & set(imports(p.read_text("utf-8")))
    ]
    assert wrong == []


@pytest.mark.parametrize("crate", FORBIDDEN)
def test_crates_stand_on_what_they_may(crate):
    manifest = tomllib.loads((RUST / crate / "Cargo.toml").read_text(encoding="utf-8"))
    assert FORBIDDEN[crate] & set(manifest["dependencies"]) == set()


def test_only_the_engine_is_allowed_unsafe_code():
    first = re.compile(
        r"fn main.*?unsafe \{\s*engine::disable_telemetry\(\);\s*\}", re.S
    )
    found = set()
    for path in RUST.glob("*/src/**/*.rs"):
        source = first.sub("", path.read_text("utf-8"))
        if re.search(r"\bunsafe\s*(\{|impl|fn|extern)", source):
            found.add(path.relative_to(RUST).as_posix())
    assert found == {"engine/src/ffi.rs"}


def test_the_tree_in_the_readme_is_the_tree_on_disk():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = re.search(r"(?s)```text\n(.*?)```", readme).group(1)
    named = {line.split()[0].rstrip("/") for line in tree.splitlines()}
    hidden = {".ci", ".gitignore"}
    top = {name.split("/")[0] for name in tracked()} - hidden
    assert named == top


def test_nothing_names_a_machine_or_a_registry():
    locks = {"requirements.lock", "Cargo.lock", "package-lock.json"}
    leaks = []
    for name in tracked():
        path = ROOT / name
        binary = path.suffix in {".gz", ".png", ".onnx", ".joblib"}
        if binary or path.name in locks or name == "tests/test_layout.py":
            continue
        text = path.read_text(encoding="utf-8")
        leaks += [f"{name}: {found.group()}" for found in LEAKS.finditer(text)]
    assert leaks == []


def test_modules_stay_small():
    long = {
        path.name: lines
        for path in (ROOT / "workshop").rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 250
    }
    assert long == {}


def test_notebooks_know_public_libraries_workshop_and_rust_ext_only():
    known = {*("workshop", "rust_ext", "onnxruntime", "onnx", "skl2onnx", "sklearn")}
    known |= {*("numpy", "pandas", "seaborn", "matplotlib", "requests", "joblib")}
    known |= {*("pickle", "sys", "inspect", "dataclasses")}
    known |= {*("concurrent", "hashlib", "time")}
    for path in NOTEBOOKS.rglob("[!.]*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        source = "\n".join("".join(c["source"]) for c in cells if is_code(c))
        assert set(imports(source)) <= known, path.name


def is_code(cell):
    return cell["cell_type"] == "code"
