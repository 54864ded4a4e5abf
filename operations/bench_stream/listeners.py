"""The listeners: thousands of open streams in one process of its own (`python -m operations.bench_stream.listeners`).

It shares two cores with what it measures, so it does as little as it can: one epoll loop, raw sockets, and one regular
expression over each piece that arrives. Every event of every client is counted, for each client hears its own ticket's
revisions from 1 on without a gap; of the latencies a share is kept.

It speaks lines of JSON. In: a `Plan`. Out: `{"connected": n}`. In: a `Finish`. Out: a `Heard`, and it ends.
"""

import re
import select
import socket
import sys
import time
from collections.abc import Iterator
from datetime import datetime

from pydantic import BaseModel

EVENT = re.compile(rb'"at":"([^"]+)","ticket":\d+,"revision":(\d+)')
HELLO = b"event: hello"
RECEIVE_BYTES = 262_144
CONNECT_SECONDS = 120.0


class Client(BaseModel):
    """One stream to open: where, with which request, and which of the groups hears the same."""

    port: int
    request: str
    group: int


class Plan(BaseModel):
    clients: list[Client]
    at_once: int = 64
    """Connections that are being made at the same time."""
    keep_every: int = 1
    """Of so many latencies one is kept."""


class Finish(BaseModel):
    """All was sent: end when this many events were heard by each client of the group, or the time is up."""

    expected: dict[int, int]
    seconds: float


class Heard(BaseModel):
    events: int
    lost: int
    doubled: int
    closed: int
    """Streams that ended before they should."""
    latencies_s: list[float]


class TroubleError(Exception):
    """The streams could not be opened."""


class Listener:
    """One client."""

    __slots__ = ("closed", "doubled", "group", "heard", "index", "lost", "said_hello", "socket", "tail")

    def __init__(self, index: int, client: Client) -> None:
        self.index = index
        self.group = client.group
        self.heard = 0
        """The last revision."""
        self.lost = self.doubled = 0
        self.said_hello = self.closed = False
        self.tail = b""
        self.socket = socket.create_connection(("127.0.0.1", client.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(client.request.encode())
        self.socket.setblocking(False)

    def take(self, data: bytes, now: float, keep_every: int) -> Iterator[float]:
        """Count what came; yields the latencies that are kept, in seconds."""
        data = self.tail + data if self.tail else data
        whole = data.rfind(b"\n\n") + 1
        self.tail = data[whole:]
        heard = self.heard
        for at, digits in EVENT.findall(data[:whole] if self.tail else data):
            revision = int(digits)
            if revision == heard + 1:
                heard = revision
            elif revision <= heard:
                self.doubled += 1
            else:
                self.lost += revision - heard - 1
                heard = revision
            if (revision * 7 + self.index) % keep_every == 0:
                yield now - datetime.fromisoformat(at.decode()).timestamp()
        self.heard = heard

    def take_greeting(self, data: bytes) -> bool:
        """Whether the stream has begun by now. Raises TroubleError when it was refused."""
        self.tail += data
        if not self.tail.startswith(b"HTTP/1.1 200"[: len(self.tail)]):
            raise TroubleError(f"a stream was refused: {self.tail[:500]!r}")
        begin = self.tail.find(HELLO)
        end = self.tail.find(b"\n\n", begin)
        if begin < 0 or end < 0:
            return False
        self.said_hello, self.tail = True, self.tail[end + 2 :]
        return True


class Listeners:
    """All clients of this process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._epoll = select.epoll()
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._listeners: dict[int, Listener] = {}
        self._latencies_s: list[float] = []
        self._finish: Finish | None = None
        self._greeted = 0

    def connect(self) -> None:
        """Open all streams, and wait until each has said hello."""
        end = time.monotonic() + CONNECT_SECONDS
        for index, client in enumerate(self._plan.clients):
            listener = Listener(index, client)
            self._listeners[listener.socket.fileno()] = listener
            self._epoll.register(listener.socket.fileno(), select.EPOLLIN)
            while len(self._listeners) - self._greeted >= self._plan.at_once:
                self._turn(end)
        while self._greeted < len(self._plan.clients):
            self._turn(end)

    def listen(self) -> Heard:
        """Until everything was heard, or the time is up."""
        end = float("inf")
        while time.monotonic() < end and not self._is_done():
            was_told = self._finish is not None
            self._turn(end)
            if self._finish is not None and not was_told:
                end = time.monotonic() + self._finish.seconds
        everybody = self._listeners.values()
        finish = self._finish or Finish(expected={}, seconds=0)
        unheard = sum(max(finish.expected.get(one.group, 0) - one.heard, 0) for one in everybody)
        lost = sum(one.lost for one in everybody)
        return Heard(
            events=sum(one.heard - one.lost for one in everybody),
            lost=lost + unheard,
            doubled=sum(one.doubled for one in everybody),
            closed=sum(one.closed for one in everybody),
            latencies_s=self._latencies_s,
        )

    def _is_done(self) -> bool:
        finish = self._finish
        return finish is not None and all(
            one.heard >= finish.expected.get(one.group, 0) for one in self._listeners.values()
        )

    def _turn(self, end: float) -> None:
        if time.monotonic() > end and self._finish is None:
            raise TroubleError(f"{self._greeted} of {len(self._plan.clients)} streams began in time")
        for number, _ in self._epoll.poll(0.2, 1024):
            listener = self._listeners.get(number)
            if listener is None:
                line = sys.stdin.readline()
                self._finish = Finish.model_validate_json(line) if line else Finish(expected={}, seconds=0)
                self._epoll.unregister(number)
            else:
                self._read(listener)

    def _read(self, listener: Listener) -> None:
        try:
            data = listener.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.time()
        if not data:
            if not listener.said_hello:
                raise TroubleError("a stream ended before it began")
            listener.closed = True
            self._epoll.unregister(listener.socket.fileno())
        elif listener.said_hello:
            self._latencies_s.extend(listener.take(data, now, self._plan.keep_every))
        elif listener.take_greeting(data):
            self._greeted += 1


def main() -> None:
    listeners = Listeners(Plan.model_validate_json(sys.stdin.readline()))
    try:
        listeners.connect()
    except (TroubleError, OSError) as error:
        sys.exit(str(error))
    print('{"connected": true}', flush=True)
    print(listeners.listen().model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
