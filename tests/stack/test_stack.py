"""`python -m stack` as an operator meets it: the whole system in processes of its own."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from settings import ROOT, Settings

LAST_LINE = "Ctrl-C stops it; the data stays."
PARTS = {"postgres", "temporal", "worker", "api"}


@pytest.fixture
def choices(data_dir: Path, free_port: Callable[[], int]) -> dict[str, str]:
    return {
        "DATA_DIR": str(data_dir),
        "API_PORT": str(free_port()),
        "TEMPORAL_PORT": str(free_port()),
        "TEMPORAL_UI_PORT": str(free_port()),
        "DEMO": "1",
    }


def run(choices: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A stack that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "stack"],
        cwd=ROOT,
        env={**os.environ, **choices},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def up(choices: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A stack that runs, and what it has said so far."""
    with subprocess.Popen(
        [sys.executable, "-m", "stack"],
        cwd=ROOT,
        env={**os.environ, **choices},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as stack:
        try:
            assert stack.stdout is not None
            said = ""
            while LAST_LINE not in said:
                line = stack.stdout.readline()
                assert line, said
                said += line
            yield stack, said
        finally:
            if stack.poll() is None:
                stack.kill()


def children(stack: subprocess.Popen[str]) -> list[psutil.Process]:
    found = psutil.Process(stack.pid).children(recursive=True)
    assert len(found) >= len(PARTS)
    return found


def is_live(choices: Mapping[str, str]) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{choices['API_PORT']}/health/live", timeout=10) as answer:
        return bool(answer.status == 200)


async def people(data_dir: Path) -> list[str]:
    connection = await asyncpg.connect(Settings(data_dir=data_dir).database_dsn)
    try:
        return [row["email"] for row in await connection.fetch("select email from people order by email")]
    finally:
        await connection.close()


async def test_the_stack_survives_a_kill_stops_cleanly_and_finds_its_data_again(
    choices: dict[str, str], data_dir: Path
) -> None:
    with up(choices) as (stack, said):
        for name in ("API_PORT", "TEMPORAL_UI_PORT"):
            assert f"http://127.0.0.1:{choices[name]}" in said
        assert f"http://127.0.0.1:{choices['API_PORT']}/docs" in said
        assert "admin@example.com" in said
        assert "smart-ticketing-demo" in said
        assert is_live(choices)
        at_first = await people(data_dir)
        second = run(choices)
        assert second.returncode == 1
        assert f"already running (pid {stack.pid})" in second.stderr
        orphans = children(stack)
        stack.send_signal(signal.SIGKILL)
        stack.wait(10)
        _, left = psutil.wait_procs(orphans, timeout=20)
        assert left == []

    with up(choices) as (stack, said):
        assert "Seeding" not in said
        assert is_live(choices)
        assert await people(data_dir) == at_first
        ours = children(stack)
        stack.send_signal(signal.SIGTERM)
        rest, _ = stack.communicate(timeout=60)
        assert rest.endswith("Stopped.\n")
        assert "did not stop" not in rest
        assert stack.returncode == 0
        assert not [process for process in ours if process.is_running()]
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


async def test_without_demo_nobody_is_made_and_no_login_is_shown(choices: dict[str, str], data_dir: Path) -> None:
    with up({**choices, "DEMO": "0"}) as (stack, said):
        assert "@example.com" not in said
        assert await people(data_dir) == []
        stack.send_signal(signal.SIGINT)
        stack.communicate(timeout=60)
        assert stack.returncode == 0


@pytest.mark.parametrize("setting", ["API_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT"])
def test_a_busy_port_is_one_sentence(choices: dict[str, str], setting: str) -> None:
    with socket.create_server(("127.0.0.1", int(choices[setting]))):
        ended = run(choices)

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith(f"Port {choices[setting]} for ")
    assert f"(pid {os.getpid()})" in ended.stderr
    assert setting in ended.stderr


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"API_PORT": "http"}, "A setting has no usable value: API_PORT: "),
        ({"DATA_DIR": "/proc/nowhere"}, "The data folder /proc/nowhere cannot be written"),
        (
            {"DATABASE_URL": "postgresql://desk:secret@127.0.0.1:1/desk"},
            "The database at 127.0.0.1/desk does not let us in",
        ),
    ],
)
def test_an_expected_fault_is_one_sentence_and_tells_no_secret(
    choices: dict[str, str], choice: dict[str, str], sentence: str
) -> None:
    ended = run({**choices, **choice})

    assert ended.returncode == 1
    assert ended.stderr.startswith(sentence)
    assert ended.stderr.count("\n") == 1
    assert "secret" not in ended.stderr
