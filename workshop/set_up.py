"""What the set-up makes, and in which order: whatever is missing or stale."""

from workshop import environment, extension, prerequisites
from workshop.environment import digest, read_stamps, step, write_stamps
from workshop.paths import ROOT


def make():
    """Make whatever of the environment is missing or stale, saying what takes long."""
    lock = digest([ROOT / "requirements.lock", ROOT / "pyproject.toml"])
    stamps = read_stamps()
    if stamps == {"lock": lock, "rust": extension.state()}:
        return
    if not stamps:
        environment.check_outside()
        prerequisites.check_python()
        prerequisites.check_disk()
        step("a virtual environment in .venv", environment.make_venv)
    if stamps.get("lock") != lock:
        step("the packages of requirements.lock, a minute", environment.install_lock)
        write_stamps(lock=lock)
    extension.make()
    write_stamps(lock=lock, rust=extension.state())
