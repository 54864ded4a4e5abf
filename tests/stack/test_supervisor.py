import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from stack.errors import StackError
from stack.supervisor import LOG_BYTES, BackOff, Part, Supervisor

WAITS = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
NOTES_ITS_END = """
import signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as notes:
        notes.write(sys.argv[2] + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("hears", flush=True)
time.sleep(60)
"""
AT_ONCE = BackOff(first=0.01, longest=0.05)


async def at_once(_pid: int) -> bool:
    return True


async def never(_pid: int) -> bool:
    return False


def python(name: str, code: str, *arguments: str, is_ready: Callable[[int], Awaitable[bool]] = at_once) -> Part:
    return Part(name=name, title=name.title(), command=[sys.executable, "-c", code, *arguments], is_ready=is_ready)


def has_written(log: Path, word: str) -> Callable[[int], Awaitable[bool]]:
    async def is_ready(_pid: int) -> bool:
        return word in log.read_text()

    return is_ready


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
async def supervisor(tmp_path: Path, said: list[str]) -> AsyncIterator[Supervisor]:
    async with Supervisor(tmp_path, say=said.append, back_off=AT_ONCE) as running:
        yield running


async def test_a_part_that_dies_is_started_again(supervisor: Supervisor, said: list[str]) -> None:
    await supervisor.start(python("worker", WAITS))
    first = supervisor.pid("worker")

    os.kill(first, signal.SIGKILL)
    await until(lambda: "Worker is ready again." in said)

    assert supervisor.pid("worker") != first
    assert said[0] == "Worker was ended by SIGKILL. Starting it again in 0.01 s."


async def test_a_part_that_keeps_dying_is_tried_again_and_again(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    opens = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).exists() or sys.exit('no gate'); time.sleep(60)"

    async def is_ready(_pid: int) -> bool:
        return gate.exists()

    await supervisor.start(python("worker", opens, str(gate), is_ready=is_ready))
    gate.unlink()
    os.kill(supervisor.pid("worker"), signal.SIGKILL)
    await until(lambda: sum("no gate" in line for line in said) >= 2)
    gate.touch()
    await until(lambda: "Worker is ready again." in said)

    assert "Worker ended with exit code 1 while starting: no gate" in said[1]


async def test_an_unforeseen_fault_of_a_readiness_check_does_not_end_the_keeping(
    supervisor: Supervisor, said: list[str]
) -> None:
    faults = [RuntimeError("surprise")]

    async def is_ready(_pid: int) -> bool:
        if "worker" in started and faults:
            raise faults.pop()
        return True

    started: list[str] = []
    await supervisor.start(python("worker", WAITS, is_ready=is_ready))
    started.append("worker")
    os.kill(supervisor.pid("worker"), signal.SIGKILL)
    await until(lambda: "Worker is ready again." in said)

    assert said[1].startswith("Worker could not be started (RuntimeError: surprise).")


def test_the_waits_between_attempts_double_up_to_a_limit() -> None:
    back_off = BackOff(first=0.5, longest=30)

    assert [back_off.seconds(failures) for failures in (0, 1, 2, 6, 1000)] == [0.5, 1, 2, 30, 30]


async def test_a_part_that_ends_while_starting_says_why(supervisor: Supervisor, tmp_path: Path) -> None:
    part = python("api", "print('first'); raise SystemExit('no key')", is_ready=never)

    with pytest.raises(StackError) as refusal:
        await supervisor.start(part)

    assert str(refusal.value) == (
        f"Api ended with exit code 1 while starting: no key (all of it in {tmp_path / 'api.log'})"
    )


async def test_a_part_that_never_gets_ready_is_ended(supervisor: Supervisor, tmp_path: Path) -> None:
    part = Part(
        name="api",
        title="Api",
        command=[sys.executable, "-c", WAITS],
        is_ready=never,
        start_seconds=0.5,
    )

    with pytest.raises(StackError, match=r"Api was not ready within 0\.5 s"):
        await supervisor.start(part)
    with pytest.raises(KeyError):
        supervisor.pid("api")


async def test_parts_stop_in_the_reverse_order_of_their_start(supervisor: Supervisor, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    for name in ("database", "worker", "api"):
        hears = has_written(tmp_path / f"{name}.log", "hears")
        await supervisor.start(python(name, NOTES_ITS_END, str(notes), name, is_ready=hears))

    await supervisor.stop()

    assert notes.read_text() == "api worker database "


async def test_a_deaf_part_is_killed_at_the_end_of_its_time(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    part = Part(
        name="worker",
        title="Worker",
        command=[sys.executable, "-c", DEAF],
        is_ready=has_written(tmp_path / "worker.log", "deaf"),
        stop_seconds=0.2,
    )
    await supervisor.start(part)
    pid = supervisor.pid("worker")

    await supervisor.stop()

    assert said == ["Worker did not stop within 0.2 s; ending it."]
    assert not psutil.pid_exists(pid)


async def test_hurry_cuts_a_slow_stop_short(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    await supervisor.start(python("worker", DEAF, is_ready=has_written(tmp_path / "worker.log", "deaf")))
    pid = supervisor.pid("worker")

    stopping = asyncio.create_task(supervisor.stop())
    await asyncio.sleep(0.1)
    assert psutil.pid_exists(pid)
    supervisor.hurry()
    await stopping

    assert not psutil.pid_exists(pid)
    assert said == []


async def test_a_command_that_fails_says_why(supervisor: Supervisor) -> None:
    with pytest.raises(StackError, match="The migration ended with exit code 1: no such table"):
        await supervisor.run("migrations", "The migration", [sys.executable, "-c", "exit('no such table')"], seconds=30)


async def test_a_command_that_hangs_is_ended(supervisor: Supervisor) -> None:
    with pytest.raises(StackError, match=r"The seed took more than 0\.3 s"):
        await supervisor.run("seed", "The seed", [sys.executable, "-c", WAITS], seconds=0.3)


async def test_a_long_log_is_set_aside_at_the_start(supervisor: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_bytes(b"x" * (LOG_BYTES + 1))

    await supervisor.start(python("worker", WAITS))

    assert log.stat().st_size < 100
    assert (tmp_path / "worker.log.1").stat().st_size == LOG_BYTES + 1


async def test_niceness_reaches_the_part(supervisor: Supervisor) -> None:
    command = [sys.executable, "-c", WAITS]
    await supervisor.start(Part(name="worker", title="Worker", command=command, is_ready=at_once, nice=5))

    await until(lambda: psutil.Process(supervisor.pid("worker")).nice() == os.nice(0) + 5)
