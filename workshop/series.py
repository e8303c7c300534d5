"""The notebooks run as one series, with progress."""

import sys
import time
from datetime import date
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

from workshop import report, versus
from workshop.errors import WorkshopError
from workshop.paths import BUILD, NOTEBOOKS
from workshop.prices import read_prices
from workshop.servers.rust import rust_ext

CELL_TIMEOUT_S = 300
# Without it each kernel warns that anybody on this machine could listen.
ENCRYPTED = Config(KernelManager={"transport_encryption": "required"})
NEED_RUST = ("04", "05", "06")
EXECUTED = BUILD / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


def names():
    """Return the notebooks of the half day, in order."""
    return sorted(path.name for path in NOTEBOOKS.glob("0*.ipynb"))


def extras():
    """Return the notebooks that the half day has no time for."""
    return sorted(f"extras/{path.name}" for path in NOTEBOOKS.glob("extras/*.ipynb"))


def run(_argv=()):
    """Run the series into build/notebooks/, write the report, print the table.

    Where rust_ext is not there, what needs it goes into the report as it is stored.
    """
    books = [execute(name) if runs_here(name) else read(name) for name in names()]
    path = report.write(books)
    print(f"\n{versus.text()}\n{read_prices().age(date.today())}")
    print(f"\nthe whole series to read: {path}")


def runs_here(name):
    """Return whether a notebook has what it needs here; say so where it has not."""
    try:
        if name.startswith(NEED_RUST):
            rust_ext()
        return True
    except WorkshopError:
        print(f"{name:<34}          without rust_ext: shown as it was recorded")
        return False


def store(argv=()):
    """Run the notebooks in place (all, or those named) and keep their outputs."""
    stored = {Path(name).name: name for name in (*names(), *extras())}
    for given in argv or stored:
        name = stored.get(Path(given).name, given)
        nbformat.write(execute(name), NOTEBOOKS / name)


def execute(name):
    """Return one notebook, run, having kept a copy in build/ also when a cell fails.

    Raises WorkshopError naming the notebook, the cell and the error.
    """
    target = EXECUTED / name
    book = read(name)
    progress = Progress(name, book)
    client = NotebookClient(
        book,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str((NOTEBOOKS / name).parent)}},
        config=ENCRYPTED,
        on_cell_start=progress.started,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        progress.ended("stopped")
        raise WorkshopError(progress.explain(error, target)) from None
    finally:
        if client.kc:
            client.kc.stop_channels()  # nbclient leaves them open for a dead kernel
        take_out_widgets(book)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(book, target)
    progress.ended("done")
    return book


def take_out_widgets(book):
    """Leave what stands beside a widget: without its kernel it cannot be turned."""
    for cell in book.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)


def read(name):
    """Return a notebook as it is stored; raise WorkshopError where it is none."""
    try:
        return nbformat.read(NOTEBOOKS / name, as_version=4)
    except (OSError, ValueError) as error:
        there = ", ".join([*names(), *extras()])
        raise WorkshopError(
            f"{name} cannot be read as a notebook: {error}. There are: {there}; "
            "'make reset' puts them back as they were."
        ) from None


class Progress:
    """One line a notebook: which cell runs, and for how long it has run."""

    def __init__(self, name, book):
        """Start the clock of one notebook."""
        self.name = name
        self.cells = book.cells
        self.start = time.monotonic()
        self.now = 0
        self.live = sys.stdout.isatty()

    def started(self, cell, cell_index):
        """Say which cell has started."""
        self.now = cell_index
        if self.live and cell.cell_type == "code":
            self.say(f"cell {cell_index + 1} of {len(self.cells)}", end="\r")

    def ended(self, how):
        """Say how the notebook ended, and after how long."""
        self.say(f"{how}{' ' * 20}")

    def say(self, what, end="\n"):
        """Print the notebook's line."""
        seconds = time.monotonic() - self.start
        print(f"{self.name:<34} {seconds:5.0f} s  {what}", end=end, flush=True)

    def explain(self, error, target):
        """Return what happened in which cell, and what to do about it."""
        if isinstance(error, CellExecutionError):
            what = f"{error.ename}: {error.evalue}"
        elif isinstance(error, CellTimeoutError):
            what = f"the cell was still running after {CELL_TIMEOUT_S} s"
        else:
            what = "its Python process ended: Ctrl-C, too little memory, or a fault"
        source = self.cells[self.now].source.strip().splitlines() or [""]
        return (
            f"{self.name} stopped in cell {self.now + 1}, which begins with\n"
            f"  {source[0]}\n{what}\nWhat ran is kept in {target}. Open the notebook "
            "with 'make lab', run it up to that cell, and try again with 'make run'."
        )
