"""Other ways to serve a Python model, each in an environment of its own.

What runs there knows nothing of the workshop: a file each, as its documentation has it.
"""

from pathlib import Path

from uv import find_uv_bin

from workshop.errors import WorkshopError
from workshop.paths import BUILD
from workshop.processes import run

FOLDER = Path(__file__).parent
PACKAGES = {"litserve": "lit.py", "bentoml": "bento.py"}
ARMS = {f"{kind}-{name}": name for name in PACKAGES for kind in ("sklearn", "onnx")}
INSTALL_S = 600


def install(_argv: list[str] | None = None) -> None:
    """Make an environment for each peer, from its lock, in build/peers/."""
    uv = find_uv_bin()
    for name in PACKAGES:
        lock = FOLDER / f"{name}.lock"
        run([uv, "venv", "--quiet", "--clear", str(_folder(name))])
        command = [uv, "pip", "install", "--quiet", "--require-hashes"]
        where = ["--python", str(_python(name)), "--requirement", str(lock)]
        run([*command, *where], f"{name} cannot be installed", timeout_s=INSTALL_S)
        print(f"installed {name}: the bench loads it from now on")


def installed() -> list[str]:
    """Return the arms that can be served here."""
    return [arm for arm, name in ARMS.items() if _python(name).exists()]


def command(arm: str) -> list[str]:
    """Return how a peer's arm is started; raises WorkshopError where it is missing."""
    name = ARMS[arm]
    if not _python(name).exists():
        raise WorkshopError(f"{name} is not installed. Type: python -m workshop peers")
    return [str(_python(name)), str(FOLDER / PACKAGES[name])]


def _folder(name: str) -> Path:
    return BUILD / "peers" / name


def _python(name: str) -> Path:
    scripts = _folder(name) / "Scripts" / "python.exe"
    return scripts if scripts.exists() else _folder(name) / "bin" / "python"
