"""Starting a child process that ends with its parent."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class SystemUser:
    """Whom a child becomes when the stack runs as root."""

    name: str
    uid: int
    gid: int


async def spawn(
    command: Sequence[str],
    *,
    output: IO[bytes] | int,
    user: SystemUser | None = None,
    nice: int = 0,
    death_signal: signal.Signals = signal.SIGKILL,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """A child in a session of its own, so that a Ctrl-C reaches the stack only, which then stops all in order.

    `death_signal` is what the kernel sends it when the stack dies without a word. Call it from the main thread: the
    kernel takes the death of the thread that made the child for the death of the parent.
    """
    uid, gid = (user.uid, user.gid) if user else (-1, -1)
    orders = (os.getpid(), int(death_signal), nice, uid, gid)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-IS",
        str(LAUNCHER),
        *map(str, orders),
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        cwd=cwd,
        env=env,
    )


def how_it_ended(returncode: int) -> str:
    """ "ended by SIGKILL", "ended with exit code 1"."""
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        return f"was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was ended by signal {-returncode}"
