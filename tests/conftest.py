"""What several tests share; the served arms start at once, when one is asked for."""

from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt
from threadpoolctl import threadpool_limits

from workshop import models, plots
from workshop.arms import FLOOR_ARMS, SERVED_ARMS
from workshop.rides import FEATURES, clean, read_rides, split_by_time
from workshop.serving import serve

ARMS = SERVED_ARMS + FLOOR_ARMS
STRICT = ("--max-body-bytes", "1000", "--max-inflight", "1", "--timeout-s", "1")


def model_of(arm):
    files = models.ensure("fare_small")
    return files.served_by(arm)


@pytest.fixture(scope="module")
def one_thread():
    """Fits on one OpenMP thread, as the course does."""
    with models.steady_threads():
        yield


@pytest.fixture(scope="module")
def no_pools():
    """One thread for all: joblib's are slower than a model of this size."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def figures():
    """The course's theme, without a window; all figures are closed afterwards."""
    mpl.use("agg")
    plots.theme()
    yield
    plt.close("all")
    mpl.rcdefaults()


@pytest.fixture(scope="session")
def served():
    """Futures of URLs by (arm, options): the strict servers start behind the usual."""
    models.ensure("fare_small")  # once, before many ask for it
    servers = []

    def start(arm, options):
        server = serve(arm, model_of(arm), *options)
        url = server.__enter__()
        servers.append(server)
        return url

    with ThreadPoolExecutor(len(ARMS)) as pool:
        yield {
            (arm, options): pool.submit(start, arm, options)
            for options in ((), STRICT)
            for arm in ARMS
        }
        list(pool.map(lambda server: server.__exit__(None, None, None), servers))


@pytest.fixture(scope="session")
def rides():
    """The rides to test with, in the model's columns."""
    return split_by_time(clean(read_rides())).test[FEATURES]


@pytest.fixture(params=ARMS)
def arm(request):
    return request.param


@pytest.fixture
def url(arm, served):
    """The URL of an arm; fails, saying what to run, where it is not built."""
    return served[arm, ()].result()


@pytest.fixture
def strict_url(arm, served):
    """The URL of an arm with the limits of STRICT."""
    return served[arm, STRICT].result()
