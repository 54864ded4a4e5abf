"""The real processes that the system tests start, watch and end without mercy."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import aiohttp
import psutil

from settings import ROOT, Settings

T = TypeVar("T")
PATIENCE_SECONDS = 90.0
"""Nothing here is timed: this only turns a wait in vain into a sentence that says what was waited for."""
LAST_LINE = "Ctrl-C stops it; the data stays."
PARTS: Mapping[str, tuple[str, ...]] = {
    "postgres": ("/postgres", "-D"),
    "temporal": ("/temporal", "server"),
    "worker": ("-m", "worker"),
    "api": ("-m", "api"),
}
"""What stands side by side on the command line of each part of a stack."""


def quiet_port() -> int:
    """A free port below those that the kernel gives to outgoing connections.

    A client that keeps knocking at a port from that range while its server is down is one day given that very port for
    its own end, meets itself, and the server cannot come back.
    """
    while True:
        port = random.randint(15_000, 32_000)  # noqa: S311 - which one is no secret
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def choices_in(folder: Path) -> dict[str, str]:
    """The settings of a stack that keeps everything in a folder, with the demo's people."""
    return {
        "DATA_DIR": str(folder / "data"),
        "API_PORT": str(quiet_port()),
        "TEMPORAL_PORT": str(quiet_port()),
        "TEMPORAL_UI_PORT": str(quiet_port()),
        "DEMO": "1",
    }


async def eventually(what: str, ask: Callable[[], Awaitable[T]], is_right: Callable[[T], bool] = bool) -> T:
    """Ask until the answer is right, and return it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_SECONDS
    while not is_right(answer := await ask()):
        assert loop.time() < end, f"waited in vain for: {what}; at last: {answer!r}"
        await asyncio.sleep(0.05)
    return answer


class RunningStack:
    """`python -m stack` with settings of its own, as a user would start it."""

    def __init__(self, choices: Mapping[str, str], folder: Path) -> None:
        self._choices = {**os.environ, **choices}
        self._output = folder / "stack.out"
        self._process: asyncio.subprocess.Process | None = None
        self.settings = Settings.model_validate({name.lower(): value for name, value in choices.items()})
        self.address = f"http://127.0.0.1:{self.settings.api_port}"

    async def start(self) -> None:
        """Returns when the stack has said that it runs."""
        with self._output.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "stack"), cwd=ROOT, env=self._choices, stdout=output, stderr=output
            )

        async def has_said_it_runs() -> bool:
            assert self._supervisor.returncode is None, self.said()
            return LAST_LINE in self.said()

        await eventually("the stack to start", has_said_it_runs)

    def said(self) -> str:
        return self._output.read_text(errors="replace")

    async def stop(self) -> None:
        """As Ctrl-C does."""
        self._supervisor.send_signal(signal.SIGINT)
        await asyncio.wait_for(self._supervisor.wait(), PATIENCE_SECONDS)
        assert self._supervisor.returncode == 0, self.said()

    async def kill(self, part: str) -> None:
        """SIGKILL for one process: with PostgreSQL its postmaster, whose backends must find out by themselves."""
        pid = await self.pid(part)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    async def kill_everything(self) -> None:
        """SIGKILL for the supervisor and every process below it."""
        if self._process is None or self._process.returncode is not None:
            return
        below = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for process in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        await self._process.wait()
        await asyncio.to_thread(psutil.wait_procs, below)

    async def pid(self, part: str) -> int:
        """Of the part's present process; waits for it while the supervisor is about to start it again."""
        return await eventually(f"a process of {part}", lambda: asyncio.to_thread(self._find, part))

    def _find(self, part: str) -> int:
        first, second = PARTS[part]
        for child in psutil.Process(self._supervisor.pid).children():
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                if any(one.endswith(first) and other == second for one, other in pairwise(words)):
                    return child.pid
        return 0

    async def ready(self) -> None:
        """Returns when readiness has no reason left."""
        async with aiohttp.ClientSession() as session:
            await eventually(
                "the API to be ready", lambda: readiness(session, self.address), lambda answer: answer[0] == 200
            )

    @property
    def _supervisor(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "not started"
        return self._process


async def readiness(session: aiohttp.ClientSession, address: str) -> tuple[int, str]:
    """Status (0: no answer) and body of /health/ready."""
    try:
        async with session.get(f"{address}/health/ready", timeout=aiohttp.ClientTimeout(total=10)) as answer:
            return answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        return 0, repr(error)


async def run_module(module: str, *arguments: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and output of one of our commands."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@contextlib.asynccontextmanager
async def running_module(
    module: str, *arguments: str, env: Mapping[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """One of our processes, ended with SIGTERM if the test has not ended it."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            cwd=ROOT,
            env={**os.environ, **env},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()
            await process.wait()
