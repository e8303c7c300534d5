"""Opening JupyterLab where the notebooks lie."""

from jupyterlab.labapp import LabApp

from workshop.paths import NOTEBOOKS, ROOT

OPTIONS = (
    f"--ServerApp.root_dir={ROOT}",  # the Rust files too: notebook 04 has one edited
    f"--FileContentsManager.preferred_dir={NOTEBOOKS}",
)


def main(argv):
    """Open JupyterLab in notebooks/; further options go to JupyterLab."""
    LabApp.launch_instance([*OPTIONS, *argv])
