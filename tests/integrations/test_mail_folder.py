"""Where no server is set, mails become files: whole or not at all, and for nobody else to read."""

import stat
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from domain.mail import Mail, MailRefusedError
from integrations.mail_folder import MailFolder

MAIL = Mail("mail-1", "rita@example.com", "Hello", "Hello.\n", "<p>Hello.</p>\n")


async def test_a_mail_is_a_file_that_a_mail_program_opens(tmp_path: Path) -> None:
    await MailFolder(tmp_path / "new" / "mail", "desk@example.com").send(MAIL)
    (file,) = (tmp_path / "new" / "mail").iterdir()
    assert file.name == "mail-1.eml"
    assert message_from_bytes(file.read_bytes(), policy=default)["To"] == "rita@example.com"


async def test_only_its_owner_may_look(tmp_path: Path) -> None:
    await MailFolder(tmp_path / "mail", "desk@example.com").send(MAIL)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "mail", tmp_path / "mail" / "mail-1.eml")]
    assert modes == [0o700, 0o600]


async def test_sent_twice_it_is_there_once(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path, "desk@example.com")
    await folder.send(MAIL)
    await folder.send(MAIL._replace(subject="Hello again"))
    (file,) = tmp_path.iterdir()
    assert b"Hello again" in file.read_bytes()


async def test_what_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "mail-1.eml").mkdir()
    with pytest.raises(OSError, match=r"mail-1\.eml"):
        await MailFolder(tmp_path, "desk@example.com").send(MAIL)
    assert [path.name for path in tmp_path.iterdir()] == ["mail-1.eml"]


async def test_what_is_no_address_is_refused_as_a_server_would(tmp_path: Path) -> None:
    with pytest.raises(MailRefusedError):
        await MailFolder(tmp_path, "desk@example.com").send(MAIL._replace(address="rita"))
