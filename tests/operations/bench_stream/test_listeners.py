"""The listeners count every event, however the network cuts it."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from operations.bench_stream.listeners import Client, Listener, TroubleError
from operations.bench_stream.senders import bare_frame
from tests.factories import REQUESTER

SENT_AT = datetime(2030, 1, 7, 9, 0, 0, 250_000, tzinfo=UTC)
HEARD_AT = (SENT_AT + timedelta(milliseconds=40)).timestamp()
GREETING = b"HTTP/1.1 200 OK\r\n\r\n24\r\nretry: 1000\nevent: hello\ndata: {}\n\n\r\n"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(0, Client(port=server.getsockname()[1], request="GET / HTTP/1.1\r\n\r\n", group=3))
        yield listener
        listener.socket.close()


def block(revision: int) -> bytes:
    """An event as it comes over the wire."""
    frame = bare_frame(1001, revision, SENT_AT, REQUESTER)
    return b"%x\r\n" % len(frame) + frame + b"\r\n"


def latencies_ms(listener: Listener, data: bytes) -> list[int]:
    return [round(latency * 1000) for latency in listener.take(data, HEARD_AT, 1)]


def test_events_are_counted_and_timed_wherever_they_are_cut(listener: Listener) -> None:
    data = block(1) + block(2) + block(3)
    for cut in range(1, len(data)):
        listener.heard, listener.tail = 0, b""

        assert latencies_ms(listener, data[:cut]) + latencies_ms(listener, data[cut:]) == [40, 40, 40]
        assert (listener.heard, listener.lost, listener.doubled) == (3, 0, 0)


def test_what_is_lost_or_doubled_is_seen(listener: Listener) -> None:
    latencies_ms(listener, block(1) + block(4) + block(4) + block(2) + block(5))

    assert (listener.heard, listener.lost, listener.doubled) == (5, 2, 2)


def test_a_stream_has_begun_with_its_hello(listener: Listener) -> None:
    assert not any(listener.take_greeting(GREETING[at : at + 1]) for at in range(len(GREETING) - 3))
    assert listener.take_greeting(GREETING[-3:])
    assert latencies_ms(listener, block(1)) == [40]


def test_a_refused_stream_ends_the_measure(listener: Listener) -> None:
    with pytest.raises(TroubleError, match="401"):
        listener.take_greeting(b"HTTP/1.1 401 Unauthorized\r\n\r\n")
