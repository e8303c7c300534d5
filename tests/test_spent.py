"""Where the time of a request goes, by servers that say so, or not."""

import socket
import threading
import time

import pytest

from workshop.errors import WorkshopError
from workshop.spent import PARTS, REST, spent

SAID = (
    b"Server-Timing: queue;dur=1.000, parse;dur=2.000, predict;dur=3.5, write;dur=0\r\n"
)


@pytest.fixture
def server():
    """Start a server of one connection that gives these answers in turn; its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def start(*answers, wait_s=0.02):
        def run():
            to, _ = listener.accept()
            with to:
                for pieces in answers:
                    to.recv(65_536)
                    time.sleep(wait_s)
                    for piece in pieces:
                        to.sendall(piece)
                        time.sleep(0.005)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    listener.close()


def answer(*headers, status=b"200 OK", content=b"{}"):
    length = b"content-length: %d\r\n\r\n" % len(content)
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(headers) + length + content


def test_the_parts_and_the_rest_make_up_the_wait(server):
    whole = answer(SAID)
    url = server([whole], [whole[:60], whole[60:-1], whole[-1:]])
    found = spent(url, [b"{}"])
    assert list(found.index) == [*PARTS, REST]
    assert found[list(PARTS)].tolist() == [0.002, 0.001, 0.0035, 0.0]
    assert 0.02 + 0.01 - 0.0065 <= found[REST] < 0.2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(SAID, status=b"422 Unprocessable"), "422 Unprocessable"),
        (answer(), "200 OK"),
        (b"", "nothing"),
        (answer(SAID)[:-1], "200 OK"),
    ],
)
def test_an_answer_that_does_not_say_it_is_an_error(server, reply, said):
    with pytest.raises(WorkshopError, match=said):
        spent(server([reply]), [b"{}"])
