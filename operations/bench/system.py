"""A whole stack of its own for the measurement: a folder that goes away, ports that are free, and its processes."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import aiohttp
import psutil

from settings import ROOT, Settings

START_SECONDS = 180.0
STOP_SECONDS = 60.0
PARTS: Mapping[str, tuple[str, str]] = {
    "worker": ("-m", "worker"),
    "api": ("-m", "api"),
    "temporal": ("/temporal", "server"),
}
"""What stands side by side on the command line of each part of a stack."""


class BenchError(Exception):
    """The measurement cannot be made; the message says why."""


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    settings: Settings
    process: asyncio.subprocess.Process

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def worker_rss_bytes(self) -> int:
        """Memory of the worker process."""
        return int(self._part("worker").memory_info().rss)

    def kill(self, part: str) -> None:
        """SIGKILL for one of the `PARTS`; the stack starts it again."""
        self._part(part).kill()

    def _part(self, name: str) -> psutil.Process:
        first, second = PARTS[name]
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                words = process.cmdline()
                if any(one.endswith(first) and other == second for one, other in pairwise(words)):
                    return process
        raise BenchError(f"no process of {name} can be found among the stack's")


@contextlib.asynccontextmanager
async def running_stack() -> AsyncIterator[Stack]:
    """Start everything, wait until it is ready; stop it and remove its data at the end."""
    folder = _new_folder()
    api_port, engine_port, ui_port = free_ports(3)
    settings = Settings(
        data_dir=folder / "data", api_port=api_port, temporal_port=engine_port, temporal_ui_port=ui_port,
        database_url=None, temporal_address=None,
    )  # fmt: skip
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "TEMPORAL_ADDRESS")},
        "DATA_DIR": str(settings.data_dir),
        "API_PORT": str(api_port),
        "TEMPORAL_PORT": str(engine_port),
        "TEMPORAL_UI_PORT": str(ui_port),
        "DEMO": "1",
        "ACCESS_TOKEN_MINUTES": "1440",  # whoever signs in for a measurement does so once
    }
    try:
        async with child("stack", [], folder / "stack.log", environment, stop_seconds=STOP_SECONDS) as process:
            await wait_until_ready(f"http://127.0.0.1:{api_port}/health/ready", process, folder / "stack.log")
            yield Stack(settings, process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def child(
    module: str, arguments: Sequence[str], log: Path, environment: dict[str, str] | None = None, *,
    stop_seconds: float = 10.0,
) -> AsyncIterator[asyncio.subprocess.Process]:  # fmt: skip
    """A Python module as a process of its own, in a session of its own so that Ctrl-C reaches only us."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments,
            stdout=out, stderr=out, cwd=ROOT, env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), stop_seconds)
        except TimeoutError:
            process.kill()
            await process.wait()


async def wait_until_ready(address: str, process: asyncio.subprocess.Process, log: Path) -> None:
    """Until the address answers 200. Raises BenchError with the end of the log when the process ends or time is up."""
    async with aiohttp.ClientSession() as session:
        end = asyncio.get_running_loop().time() + START_SECONDS
        while process.returncode is None and asyncio.get_running_loop().time() < end:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(address, timeout=aiohttp.ClientTimeout(total=5)) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise BenchError(f"nothing answered at {address}; the process said:\n{end_of(log)}")


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="smart-ticketing-bench-"))
    # PostgreSQL may run as another user when we are root.
    folder.chmod(0o755)
    return folder


def end_of(log: Path) -> str:
    """The last that a process said."""
    return log.read_text(errors="replace")[-2000:]


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, below those that the kernel gives to outgoing connections: whoever knocks at one
    while its server is down is then never given that very port for their own end."""
    ports: set[int] = set()
    while len(ports) < count:
        port = random.randint(15_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.add(port)
    return list(ports)
