"""Every command in fare-server's README runs, and prints what stands below it."""

import doctest
import re
import shutil
import subprocess

import pytest

from workshop import models
from workshop.paths import ROOT, RUST
from workshop.servers import rust
from workshop.serving import stop

TEXT = (RUST / "server" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?ms)^```console\n(.*?)^```", TEXT)
COMMANDS = re.findall(r"(?ms)^\$ (.*?)\n(.*?)(?=^\$ |\Z)", "".join(BLOCKS))
START, *ASK = COMMANDS


@pytest.fixture(scope="module")
def address():
    """Where a server listens that was started as the README says, at a free port."""
    models.ensure("fare_small")
    command, said = START
    program, *options = command.replace("8000", "0").split()
    with subprocess.Popen(
        [rust.binary(program), *options],
        cwd=ROOT,
        env=rust.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        line = server.stdout.readline()
        pattern = re.escape(said).replace("8000", r"(\d+)")
        port = re.fullmatch(pattern, line).group(1)
        yield f"127.0.0.1:{port}"
        stop(server)


@pytest.mark.skipif(not shutil.which("curl"), reason="the commands use curl")
@pytest.mark.parametrize(("command", "said"), ASK)
def test_a_command_prints_what_it_says(command, said, address):
    command = command.replace("127.0.0.1:8000", f"--noproxy '*' {address}")
    ran = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True
    )
    printed = ran.stdout.rstrip("\n") + "\n"
    flags = doctest.ELLIPSIS
    assert doctest.OutputChecker().check_output(said, printed, flags), printed


def test_every_path_has_a_command():
    sources = (RUST / "server" / "src").rglob("*.rs")
    source = "".join(path.read_text(encoding="utf-8") for path in sources)
    paths = set(re.findall(r'route\(\s*"(/[^"{]+)"', source))
    assert len(paths) > 7
    asked = {word for command, _ in ASK for word in command.split()}
    assert {path for path in paths if f"127.0.0.1:8000{path}" not in asked} == set()
