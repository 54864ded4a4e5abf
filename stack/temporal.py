"""The embedded Temporal server: the dev server with its Web UI, on an SQLite store on disk."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from stack.errors import StackError
from stack.supervisor import Part

HOST = "127.0.0.1"
NICE = 10
"""The engine's take-in yields to the API and the database, so that openings stay instant in a burst."""

SERVER_OPTIONS = (
    "--sqlite-pragma=journal_mode=wal",
    "--sqlite-pragma=synchronous=1",
    "--sqlite-pragma=cache_size=-65536",  # KiB; the default of 2 MiB sends a desk of some size to the disk
    "--sqlite-pragma=temp_store=2",
    # A workflow whose task fails is told of at once, not after the fifth time.
    "--dynamic-config-value=system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2",
    # A timer that is set for the next second rings only after it (the default), to allow for hosts whose clocks differ.
    # Here is one host. And each timer is a read: at twenty a second (the default) a busy minute's timers ring seconds
    # late (decision 15).
    '--dynamic-config-value=history.timerProcessorMaxTimeShift="10ms"',
    "--dynamic-config-value=history.timerProcessorMaxPollRPS=5000",
    "--ui-disable-news-fetch",
    "--log-level=error",
)


GARBAGE_PERCENT = "400"
"""Collecting garbage less often saves the server a tenth of its time, for about 200 MiB."""


def installed_program(name: str) -> Path:
    """A program that a wheel put beside the interpreter. Raises `StackError` when it is not there."""
    program = Path(sys.executable).with_name(name)
    if not program.exists():
        raise StackError(f"{program} is missing: start with `make up`, which installs it.")
    return program


class Temporal:
    """One embedded server. `search_attributes` maps names to Temporal's type names (`Keyword`, `Datetime`); a server
    takes them into a new store only, a worker registers those that an older store lacks. At `codec_endpoint` its Web UI
    has payloads decrypted.
    """

    def __init__(
        self,
        store: Path,
        *,
        port: int,
        ui_port: int,
        search_attributes: Mapping[str, str],
        namespace: str = "default",
        codec_endpoint: str | None = None,
    ) -> None:
        self._program = installed_program("temporal")
        self._store = store
        self._port = port
        self._ui_port = ui_port
        self._search_attributes = search_attributes
        self._namespace = namespace
        self._codec_endpoint = codec_endpoint

    def part(self) -> Part:
        """What a supervisor needs to keep it running."""
        return Part(
            name="temporal",
            title="Temporal",
            command=[
                str(self._program),
                "server",
                "start-dev",
                f"--ip={HOST}",
                f"--port={self._port}",
                f"--ui-ip={HOST}",
                f"--ui-port={self._ui_port}",
                f"--db-filename={self._store}",
                f"--namespace={self._namespace}",
                *SERVER_OPTIONS,
                *([f"--ui-codec-endpoint={self._codec_endpoint}"] if self._codec_endpoint else []),
                *(f"--search-attribute={name}={kind}" for name, kind in self._search_attributes.items()),
            ],
            is_ready=self._is_ready,
            env={"GOGC": GARBAGE_PERCENT, **os.environ},
            prepare=self._prepare,
            nice=NICE,
            stop_seconds=15.0,
        )

    async def is_polled_by(self, task_queue: str, pid: int) -> bool:
        """Does the process wait for work on this queue? Workers are known by "<pid>@<host>"."""
        code, answer = await self._cli("task-queue", "describe", "--legacy-mode", f"--task-queue={task_queue}")
        if code or not answer:
            return False
        pollers = json.loads(answer).get("pollers") or []
        return any(str(poller.get("identity")).startswith(f"{pid}@") for poller in pollers)

    async def _prepare(self) -> None:
        if self._store.exists() and not os.access(self._store, os.W_OK):
            raise StackError(
                f"Temporal's store {self._store} cannot be written: allow it to this user, "
                "or set DATA_DIR to another folder."
            )

    async def _is_ready(self, _pid: int) -> bool:
        code, _ = await self._cli("operator", "cluster", "health")
        return code == 0

    async def _cli(self, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            str(self._program),
            *arguments,
            f"--address={HOST}:{self._port}",
            f"--namespace={self._namespace}",
            "--output=json",
            "--disable-config-env",
            "--disable-config-file",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")},
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, output.decode()
