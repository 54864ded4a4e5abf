"""One stack per data folder."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.errors import StackError


class StackLock:
    """Held while a stack runs. The kernel lets go of it when the holder dies, so a killed run leaves nothing to clean.

    Raises `StackError` on entering when another stack has it, or when the folder cannot be written.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file = -1

    def __enter__(self) -> Self:
        path = self._data_dir / "stack.lock"
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StackError(
                f"The data folder {self._data_dir} cannot be written ({error.strerror}): "
                "allow it to this user, or set DATA_DIR to another folder."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StackError(
                f"Smart Ticketing is already running (pid {holder}) with the data folder {self._data_dir}: "
                "stop it first, or set DATA_DIR and the ports for a second one."
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)
