"""How rust_ext gets into the environment: by cargo, from a wheel, or not at all.

Imports the standard library only.
"""

import os
import platform
import shutil
from pathlib import Path

from workshop import prerequisites
from workshop.environment import EXE, VENV, digest, python, run, step
from workshop.errors import WorkshopError
from workshop.paths import ROOT, RUST

PACKAGE = RUST / "python" / "python" / "rust_ext"
BINARIES = ("fare-server", "fare-load", "fare-predict")
WHEELS = ROOT / "wheels"
# Folders of rust_ext/ that the build does not read, beside the programs it leaves.
NOT_SOURCE = {"target", "__pycache__", "examples", "tests"}
# Where the package lies, from its sources or from a wheel.
PLACES = ("lib/python*/site-packages/rust_ext", "Lib/site-packages/rust_ext")


def state():
    """Return a hash of what rust_ext is made of and from; it changes when either does.

    A build by another command than the set-up's, which may be a debug build, is seen.
    """
    cargo = shutil.which("cargo") is not None
    origin = rust_sources() if cargo else [*WHEELS.glob("*.whl")]
    return f"{digest([*origin, *built()])}, {'by cargo' if cargo else 'from a wheel'}"


def rust_sources():
    """Return the files that the Rust build reads."""
    found = []
    for folder, folders, names in os.walk(RUST):
        folders[:] = [name for name in folders if name not in NOT_SOURCE]
        if Path(folder) != PACKAGE / "bin":
            found += [Path(folder, name) for name in names]
    return [path for path in found if path.suffix not in (".so", ".pyd")]


def built():
    """Return the files that a finished set-up leaves: the extension, its programs."""
    folders = [PACKAGE, *(each for place in PLACES for each in VENV.glob(place))]
    found = [path for folder in folders for path in folder.glob("_rust_ext*.*")]
    for folder in folders:
        found += [folder / "bin" / (name + EXE) for name in BINARIES]
    return [path for path in found if path.suffix != ".pyi" and path.is_file()]


def make():
    """Build rust_ext; without cargo take it from a wheel, without one go on without."""
    try:
        prerequisites.check_cargo()
    except WorkshopError as error:
        if any(WHEELS.glob("*.whl")):
            step("rust_ext and its programs, from the wheel in wheels/", install_wheel)
        elif built():
            print(f"set-up: rust_ext stays as it was built. {error}")
        else:
            print(
                f"set-up: without rust_ext. {error} Until then notebooks 00 to 03 and "
                "07 run, and 04 to 06 are shown as they were recorded."
            )
    else:
        step("rust_ext and its programs, one to two minutes", build)


def build():
    """Build rust_ext and its programs in release mode, into the environment."""
    env = for_cargo()
    cargo = ["cargo", "build", "--release", "--locked", "--bins"]
    run(cargo, cwd=RUST, env=env)
    (PACKAGE / "bin").mkdir(exist_ok=True)
    for name in BINARIES:
        # A program that runs cannot be written over, but it can be replaced.
        new = PACKAGE / "bin" / f"{name}.new"
        shutil.copy2(RUST / "target" / "release" / (name + EXE), new)
        new.replace(PACKAGE / "bin" / (name + EXE))
    develop = [python(), "-m", "maturin", "develop", "--release", "--locked"]
    run(develop, cwd=RUST / "python", env=env)


def install_wheel():
    """Install rust_ext from wheels/, which fits or is refused."""
    pip = [python(), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    only = ["--no-index", "--no-deps", "--force-reinstall", "--find-links", WHEELS]
    run([*pip, *only, "rust_ext"])


def wheel(_argv=()):
    """Make a wheel of rust_ext with its programs, for machines like this one."""
    prerequisites.check_cargo()
    maturin = [python(), "-m", "maturin", "build", "--release", "--locked"]
    # For this kind of Linux, and not for every one: that would take another compiler.
    plain = ["--compatibility", "linux"] if platform.system() == "Linux" else []
    shutil.rmtree(WHEELS, ignore_errors=True)
    command = [*maturin, *plain, "--out", WHEELS]
    step("a wheel", lambda: run(command, cwd=RUST / "python", env=for_cargo()))
    (made,) = WHEELS.glob("*.whl")
    print(
        f"{made.relative_to(ROOT)} ({made.stat().st_size / 1e6:.0f} MB) is for "
        f"{platform.system()} on {platform.machine()}. Put the folder wheels/ into a "
        "copy of the course; its set-up takes it where there is no cargo."
    )


def for_cargo():
    """Return the variables for cargo and maturin: this environment and no other's."""
    env = {**os.environ, "VIRTUAL_ENV": str(VENV), "PYO3_PYTHON": python()}
    env |= {"CARGO_TARGET_DIR": str(RUST / "target"), "MATURIN_NO_INSTALL_RUST": "1"}
    for other in ("CONDA_PREFIX", "CARGO_BUILD_TARGET"):
        env.pop(other, None)
    return env
