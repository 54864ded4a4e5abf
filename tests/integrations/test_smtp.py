"""Mails are handed to a real SMTP server; a no for good is told from one of the moment."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.mail import Mail, MailDelayedError, MailRefusedError
from integrations.smtp import Security, SmtpSender, SmtpServer
from tests.integrations.mail_server import HOST, LOGIN, MailServer, authenticate, certificate, listening

MAIL = Mail("mail-1", "rita@example.com", "Hello", "Hello Rita.\n", "<p>Hello Rita.</p>\n", "Rita")
FROM = "Service Desk <desk@example.com>"


def sender(
    port: int,
    security: Security = "none",
    tls: ssl.SSLContext | None = None,
    login: tuple[str | None, ...] = (None,) * 2,
) -> SmtpSender:
    return SmtpSender(SmtpServer(HOST, port, security, *login), FROM, tls)


async def test_a_mail_arrives_whole_and_at_its_receiver_only() -> None:
    mails = MailServer()
    async with listening(mails) as port:
        await sender(port).send(MAIL)
    (message,) = mails.taken
    assert mails.receivers == ["rita@example.com"]
    assert (message["From"], message["To"], message["Subject"]) == (FROM, "Rita <rita@example.com>", "Hello")
    assert message["Message-ID"] == "<mail-1@example.com>"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == MAIL.text


@pytest.mark.parametrize("answer", ["450 greylisted rita@example.com", "421 busy"])
async def test_a_no_of_the_moment_is_a_delay(answer: str) -> None:
    mails = MailServer()
    mails.answers_to_receiver = [answer]
    async with listening(mails) as port:
        with pytest.raises(MailDelayedError, match=f"smtp_{answer[:3]}$"):
            await sender(port).send(MAIL)
        await sender(port).send(MAIL)
    assert len(mails.taken) == 1


async def test_a_no_for_good_to_receiver_or_message_is_a_refusal_that_names_nobody() -> None:
    mails = MailServer()
    mails.answers_to_receiver = ["550 no rita@example.com here"]
    async with listening(mails) as port:
        with pytest.raises(MailRefusedError) as refused:
            await sender(port).send(MAIL)
        assert (refused.value.reason, refused.value.__cause__) == ("smtp_550", None)
        mails.answers_to_message = ["554 looks like spam"]
        with pytest.raises(MailRefusedError, match="smtp_554"):
            await sender(port).send(MAIL)
    assert mails.taken == []


async def test_a_server_that_is_down_is_a_delay(free_port: Callable[[], int]) -> None:
    with pytest.raises(MailDelayedError):
        await sender(free_port()).send(MAIL)


async def test_a_server_that_refuses_us_is_a_delay_for_an_operator_can_mend_it(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    options: dict[str, Any] = {"tls_context": server, "authenticator": authenticate, "auth_required": True}
    async with listening(MailServer(), **options) as port:
        with pytest.raises(MailDelayedError, match="smtp_535"):
            await sender(port, "starttls", client, ("desk", "wrong")).send(MAIL)


async def test_signed_in_over_starttls(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    mails = MailServer()
    options: dict[str, Any] = {
        "tls_context": server,
        "authenticator": authenticate,
        "auth_required": True,
        "require_starttls": True,
    }
    async with listening(mails, **options) as port:
        await sender(port, "starttls", client, LOGIN).send(MAIL)
    assert mails.were_encrypted == [True]


async def test_encrypted_from_the_first_byte(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    mails = MailServer()
    async with listening(mails, tls=server) as port:
        await sender(port, "tls", client).send(MAIL)
    assert len(mails.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(tmp_path: Path, security: Security) -> None:
    server, _ = certificate(tmp_path)
    mails = MailServer()
    options: dict[str, Any] = {"tls": server} if security == "tls" else {"tls_context": server}
    async with listening(mails, **options) as port:
        with pytest.raises(MailDelayedError):
            await sender(port, security).send(MAIL)
    assert mails.taken == []


async def test_a_server_without_starttls_gets_no_mail_in_the_clear() -> None:
    mails = MailServer()
    async with listening(mails) as port:
        with pytest.raises(MailDelayedError):
            await sender(port, "starttls").send(MAIL)
    assert mails.taken == []


async def test_a_local_part_in_other_letters_needs_a_server_that_knows_them() -> None:
    mails = MailServer()
    greek = MAIL._replace(address="ρίτα@bücher.example")
    async with listening(mails, enable_SMTPUTF8=True) as port:
        await sender(port).send(greek)
    assert mails.receivers == ["ρίτα@xn--bcher-kva.example"]
    async with listening(mails) as port:
        with pytest.raises(MailRefusedError, match="smtputf8_not_supported"):
            await sender(port).send(greek)


def test_the_password_is_not_shown() -> None:
    assert "sesame" not in repr(SmtpServer(HOST, 25, "tls", *LOGIN))
