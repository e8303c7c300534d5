"""Opening JupyterLab where the notebooks lie."""

import subprocess
import sys

from workshop.paths import ROOT

OPTIONS = (
    "--ServerApp.root_dir=.",  # the Rust files too: notebook 04 has one edited
    "--FileContentsManager.preferred_dir=notebooks",
)


def main(argv):
    """Open JupyterLab in notebooks/; further options go to JupyterLab."""
    return subprocess.call(
        [sys.executable, "-m", "jupyterlab", *OPTIONS, *argv], cwd=ROOT
    )
