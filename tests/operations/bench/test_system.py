import asyncio
import signal
import socket
import sys

import pytest

from operations.bench.system import BenchError, Stack, free_ports
from settings import Settings

LIKE_A_WORKER = ("-c", "import time; time.sleep(60)", "-m", "worker")
WITH_A_WORKER = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, *{LIKE_A_WORKER!r}]))"


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, *arguments)


async def kill(stack: Stack, part: str) -> None:
    """Once the part is there."""
    while True:
        try:
            return stack.kill(part)
        except BenchError:
            await asyncio.sleep(0.02)


async def test_only_the_stacks_own_part_is_killed() -> None:
    process, stranger = await started("-c", WITH_A_WORKER), await started(*LIKE_A_WORKER)

    await kill(Stack(Settings(), process), "worker")

    assert await process.wait() == 256 - signal.SIGKILL, "the stack's worker was killed"
    assert stranger.returncode is None
    stranger.kill()
    assert await stranger.wait() == -signal.SIGKILL


async def test_a_part_that_the_stack_has_not_cannot_be_killed() -> None:
    process = await started(*LIKE_A_WORKER)

    with pytest.raises(BenchError, match="no process of api"):
        Stack(Settings(), process).kill("api")

    process.kill()
    await process.wait()


def test_free_ports_differ_and_are_none_of_those_that_the_kernel_gives_away() -> None:
    ports = free_ports(20)

    assert len(set(ports)) == 20
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            assert port <= 32_000
