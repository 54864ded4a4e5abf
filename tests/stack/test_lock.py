import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from settings import ROOT
from stack.errors import StackError
from stack.lock import StackLock

HOLDER = """
import sys, time
from pathlib import Path
from stack.lock import StackLock
with StackLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_stack_on_the_same_data_is_told_who_runs(data_dir: Path) -> None:
    with StackLock(data_dir), pytest.raises(StackError) as refusal, StackLock(data_dir):
        pass

    assert f"already running (pid {os.getpid()})" in str(refusal.value)


def test_a_stopped_stack_leaves_the_data_free(data_dir: Path) -> None:
    with StackLock(data_dir):
        pass

    with StackLock(data_dir):
        assert (data_dir / "stack.lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_of_a_killed_stack_is_nobodys(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StackError, match=rf"already running \(pid {holder.pid}\)"), StackLock(data_dir):
            pass
        holder.send_signal(signal.SIGKILL)

    with StackLock(data_dir):
        assert (data_dir / "stack.lock").read_text() == f"{os.getpid()}\n"


def test_a_data_folder_that_cannot_be_written_is_one_sentence_with_the_setting(data_dir: Path) -> None:
    (data_dir / "file").touch()

    with pytest.raises(StackError, match=r"cannot be written \(Not a directory\): .* DATA_DIR"):
        StackLock(data_dir / "file" / "data").__enter__()
