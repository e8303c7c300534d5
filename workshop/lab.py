"""Opening JupyterLab where the notebooks lie."""

import subprocess
import sys

from workshop.paths import NOTEBOOKS


def main(argv):
    """Open JupyterLab in notebooks/; further options go to JupyterLab."""
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.root_dir=.", *argv]
    return subprocess.call(command, cwd=NOTEBOOKS)
