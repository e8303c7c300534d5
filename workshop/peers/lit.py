"""The fare model behind LitServe: one worker, its queue for many requests a second."""

import os

import litserve
from fares import begin, open_model


class Fares(litserve.LitAPI):
    """Answers the workshop's requests."""

    def setup(self, device: str) -> None:
        """Open the model, in the worker."""
        self.model = open_model(os.environ["MODEL"])

    def decode_request(self, request: dict) -> list[dict]:
        """Return the rows of a body."""
        return request["instances"]

    def predict(self, rows: list[dict]) -> list[float]:
        """Return their fares."""
        return self.model(rows)

    def encode_response(self, fares: list[float]) -> dict:
        """Return the answer."""
        return {"predictions": fares}


if __name__ == "__main__":
    os.environ["MODEL"], port = begin()
    server = litserve.LitServer(
        Fares(),
        accelerator="cpu",
        workers_per_device=1,
        fast_queue=True,
        healthcheck_path="/health/ready",
    )
    server.run(
        host="127.0.0.1",
        port=port,
        log_level="warning",
        generate_client_file=False,
    )
