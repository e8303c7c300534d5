"""The served arms: all are started at once, when a test first asks for one."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from workshop import models
from workshop.arms import FLOOR_ARMS, SERVED_ARMS
from workshop.rides import FEATURES, clean, read_rides, split_by_time
from workshop.serving import serve

ARMS = SERVED_ARMS + FLOOR_ARMS
STRICT = ("--max-body-bytes", "1000", "--max-inflight", "1", "--timeout-s", "1")


def model_of(arm):
    files = models.ensure("fare_small")
    return files.joblib if arm == "sklearn-fastapi" else files.onnx


@pytest.fixture(scope="session")
def _started():
    """Starts a server for each (arm, options) that is asked for, in the background."""
    servers = []

    def start(arm, options):
        server = serve(arm, model_of(arm), *options)
        url = server.__enter__()
        servers.append(server)
        return url

    with ThreadPoolExecutor(len(ARMS)) as pool:
        yield lambda options: {arm: pool.submit(start, arm, options) for arm in ARMS}
        list(pool.map(lambda server: server.__exit__(None, None, None), servers))


@pytest.fixture(scope="session")
def _usual(_started):
    return _started(())


@pytest.fixture(scope="session")
def _strict(_started):
    return _started(STRICT)


@pytest.fixture(scope="session")
def rides():
    """The rides to test with, in the model's columns."""
    return split_by_time(clean(read_rides())).test[FEATURES]


@pytest.fixture(params=ARMS)
def arm(request):
    return request.param


@pytest.fixture
def url(arm, _usual):
    """The URL of an arm; fails, saying what to run, where it is not built."""
    return _usual[arm].result()


@pytest.fixture
def strict_url(arm, _strict):
    """The URL of an arm with the limits of STRICT."""
    return _strict[arm].result()
