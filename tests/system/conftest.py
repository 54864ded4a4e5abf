"""What every system test begins with: a folder, quiet ports, and the folder's removal when nothing uses it any more."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.system.processes import RunningStack, quiet_port


@pytest.fixture
def choices(data_dir: Path) -> dict[str, str]:
    """The settings of a stack of the test's own."""
    return {
        "DATA_DIR": str(data_dir / "data"),
        "API_PORT": str(quiet_port()),
        "TEMPORAL_PORT": str(quiet_port()),
        "TEMPORAL_UI_PORT": str(quiet_port()),
        "DEMO": "1",
    }


@pytest.fixture
async def stack(choices: dict[str, str], data_dir: Path) -> AsyncIterator[RunningStack]:
    """A stack that was not started yet. Whatever becomes of the test, nothing of it is left running."""
    stack = RunningStack(choices, data_dir)
    yield stack
    await stack.kill_everything()
