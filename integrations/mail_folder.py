"""Where no mail server is set: mails become files, so that whoever tries the desk out can read the links in them."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from domain.mail import Mail
from integrations.mail_message import mail_message


class MailFolder:
    """A folder with an `.eml` file for each mail, which any mail program opens. Its owner alone may look: the links are
    as good as passwords."""

    def __init__(self, folder: Path, sender: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Whole or not at all; a second time it takes the place of the first. Raises MailRefusedError for an address
        that is none, and OSError."""
        content = mail_message(mail, self._sender, self._clock()).as_bytes()
        await asyncio.to_thread(self._write, f"{mail.id}.eml", content)

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=self._folder, prefix=".")  # with mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(made).replace(self._folder / name)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
