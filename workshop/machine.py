"""What was measured on: the machine, and the versions of what ran."""

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from workshop.check import allowed_cores
from workshop.errors import WorkshopError
from workshop.servers.rust import rust_ext

PACKAGES = (
    "numpy",
    "pandas",
    "scikit-learn",
    "onnx",
    "skl2onnx",
    "onnxruntime",
    "rust_ext",
    "fastapi",
    "uvicorn",
)


def describe() -> dict[str, str | int | float]:
    """Return the CPUs this process may use, their model, memory, load and system.

    And what disturbed it since it began: seconds that the host gave to others (steal),
    and periods in which the container had used up its share (throttled).
    """
    disturbed = {name: _disturbance()[name] - count for name, count in STARTED.items()}
    return {
        "cpus_allowed": allowed_cores(),
        "cpu": _cpu_model(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_average": round(psutil.getloadavg()[0], 2),
        "mhz": round(getattr(psutil.cpu_freq(), "current", 0)),
        **{name: round(count, 2) for name, count in disturbed.items()},
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Return the installed packages' versions, and the library that Rust loads."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    try:
        library = rust_ext().onnxruntime_library()
    except WorkshopError:
        return found | {"onnxruntime library": "not loaded from Rust"}
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    found["onnxruntime library"] = f"{library.name} sha256:{digest}"
    return found


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if platform.system() == "Darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.check_output(asked, text=True).strip()
    return platform.processor() or "unknown"


def _disturbance() -> dict[str, float]:
    """Return what the host counts, where it does, since it started."""
    found = {}
    steal_s = getattr(psutil.cpu_times(), "steal", None)
    if steal_s is not None:
        found["steal_s"] = steal_s
    for group in ("/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"):
        if Path(group).exists():
            counts = dict(line.split() for line in Path(group).read_text().splitlines())
            found["throttled"] = int(counts.get("nr_throttled", 0))
    return found


STARTED = _disturbance()
