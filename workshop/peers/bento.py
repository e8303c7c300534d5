"""The fare model behind BentoML: one worker, as every other arm has."""

import os
import subprocess
import sys
from pathlib import Path

import bentoml
from fares import begin, open_model
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

# Where the workshop asks whether a server is ready; BentoML's own is /readyz.
HEALTH = Starlette(routes=[Route("/ready", lambda _request: Response())])


@bentoml.asgi_app(HEALTH, path="/health")
@bentoml.service(
    workers=1,
    logging={"access": {"enabled": False}},
)
class Fares:
    """Answers the workshop's requests."""

    def __init__(self) -> None:
        """Open the model, in the worker."""
        self.model = open_model(os.environ["MODEL"])

    @bentoml.api
    def predict(self, instances: list[dict]) -> dict[str, list[float]]:
        """Return the fares of the rows of a body."""
        return {"predictions": self.model(instances)}


if __name__ == "__main__":
    STARTED = []

    def end(*_: object) -> None:
        """Have BentoML end its workers, which are in sessions of their own."""
        for server in STARTED:
            server.terminate()

    os.environ["MODEL"], port = begin(end)
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    program = Path(sys.executable).with_name("bentoml")
    where = ["--host", "127.0.0.1", "--port", str(port)]
    folder = ["--working-dir", str(Path(__file__).parent)]
    command = [str(program), "serve", "bento:Fares", *where, *folder]
    STARTED.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
    sys.exit(STARTED[0].wait())
