"""The course's commands: ``python -m workshop VERB``.

Starts with the standard library only, on any Python 3: the first thing that it does
for most verbs is to make the environment that holds everything else.
"""

import os
import subprocess
import sys
from importlib import import_module

from workshop import environment, set_up
from workshop.errors import WorkshopError

# verb: (module, function, what it does)
VERBS = {
    "setup": (None, None, "make .venv, install the lock, build rust_ext"),
    "run": ("series", "run", "run the whole series and write build/report.html"),
    "test": ("gate", "main", "everything that must hold, as CI runs it"),
    "lab": ("lab", "main", "open JupyterLab in notebooks/"),
    "store": ("series", "store", "run the notebooks in place, keeping their outputs"),
    "reference": ("reference", "main", "record build/*.json and the golden answers"),
    "agenda": ("agenda", "main", "write the half day's agenda; --check compares"),
    "slides": ("slides", "main", "build the slides in build/slides/"),
    "bench": (
        "bench.cli",
        "main",
        "time extension, scale, servers; --quick: briefly",
    ),
    "peers": ("peers", "install", "install other servers, which the bench then loads"),
    "wheel": ("extension", "wheel", "make a wheel of rust_ext, in wheels/"),
    "preflight": ("preflight", "main", "look at this machine before people come"),
    "codes": ("setup_code", "main", "read the room's set-up codes: codes FILE"),
    "serve": ("servers.cli", "main", "serve a model: serve ARM --model FILE --port N"),
    "rides": ("recipe", "main", "make data/rides.csv.gz again; --check compares"),
    "clean": ("tidy", "clean", "remove what was made in build/"),
    "reset": ("tidy", "reset", "put back the notebooks and the Rust exercise"),
}
IN_ANY_PYTHON = {"clean", "reset", "preflight", "codes"}
WITHOUT_SETUP = {"serve", *IN_ANY_PYTHON}


def usage():
    """Return the text that lists the verbs."""
    lines = [f"  {verb:<10} {what}" for verb, (_, _, what) in VERBS.items()]
    return "usage: python -m workshop VERB [options]\n\n" + "\n".join(lines)


def main(argv):
    """Run one verb, in the course's own environment; return the exit code."""
    verb, *rest = argv or ["help"]
    if verb in ("help", "-h", "--help"):
        print(usage())
        return 0
    if verb not in VERBS:
        print(f"There is no verb {verb!r}.\n\n{usage()}", file=sys.stderr)
        return 2
    if verb not in WITHOUT_SETUP:
        set_up.make()
    if verb == "setup":
        return 0
    if verb not in IN_ANY_PYTHON and not environment.is_active():
        return hand_over([environment.python(), "-m", "workshop", verb, *rest])
    module, function, _ = VERBS[verb]
    return getattr(import_module(f"workshop.{module}"), function)(rest) or 0


def hand_over(command):
    """Go on as another program, which answers Ctrl-C and signals itself."""
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.call(command)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except WorkshopError as error:
        sys.exit(f"workshop: {error}")
    except KeyboardInterrupt:
        sys.exit("\nworkshop: stopped by you; what was finished stays.")
