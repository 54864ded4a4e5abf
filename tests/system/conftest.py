"""What every system test begins with: a folder, quiet ports, and the folder's removal when nothing uses it any more."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.system.processes import RunningStack, choices_in

MOST_LINES = 200
"""Of a fault: the web framework alone has a hundred."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make soak` is given."""
    parser.addoption("--minutes", type=float, default=0.0, help="how long everything is cut and killed")
    parser.addoption("--seed", type=int, default=0, help="repeats a run's choices (its timing is the machine's)")


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    """How long a soak lasts; 0: no longer than a test should."""
    return float(request.config.getoption("--minutes", default=0.0))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    # The options exist only when this folder is named on the command line.
    return int(request.config.getoption("--seed", default=0)) or random.SystemRandom().randrange(1, 1_000_000)


@pytest.fixture
def choices(data_dir: Path) -> dict[str, str]:
    """The settings of a stack of the test's own."""
    return choices_in(data_dir)


@pytest.fixture
async def stack(choices: dict[str, str], data_dir: Path) -> AsyncIterator[RunningStack]:
    """A stack that was not started yet. Whatever becomes of the test, nothing of it is left running."""
    stack = RunningStack(choices, data_dir)
    yield stack
    await stack.kill_everything()
    for line in faults_told(data_dir / "data" / "logs"):
        print(line)  # noqa: T201  shown when the test failed


def faults_told(logs: Path) -> Iterator[str]:
    """What parts wrote of faults that they did not expect."""
    for log in sorted(logs.glob("*.log*")):
        lines = log.read_text(errors="replace").splitlines()
        for place, line in enumerate(lines):
            if line.startswith("Traceback") or '"exc_info"' in line or " ERROR " in line:
                yield from (f"{log.name}: {one}" for one in lines[place : place + MOST_LINES])
