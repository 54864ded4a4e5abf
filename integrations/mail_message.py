"""A mail as it goes over the wire: headers and parts by the standard's rules, whatever names and addresses hold."""

from collections.abc import Iterator
from datetime import datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, Policy
from email.utils import format_datetime, parseaddr
from typing import Any

import idna

from domain.mail import Mail, MailRefusedError

LONGEST_LINE = 998
"""Bytes, RFC 5322 section 2.1.1."""


class WordsHeader(UnstructuredHeader, BaseHeader):
    """A header of ids or addresses. The library would encode one that is longer than a line, and then it is none any
    more to whoever reads it; so each stands as it is, on a line of its own."""

    def fold(self, *, policy: "Policy[Any]") -> str:
        """The header with its lines."""
        return f"{self.name}:{''.join(f' {word}{policy.linesep}' for word in self.split())}"


_REGISTRY = HeaderRegistry()
for _name in ("In-Reply-To", "References", "List-Unsubscribe"):
    _REGISTRY.map_to_type(_name, WordsHeader)


def mail_message(mail: Mail, sender: str, now: datetime) -> EmailMessage:
    """The message from `sender` (`Name <address>`). Sent twice, it has the same Message-ID, so that receivers can throw
    the second away.

    Raises MailRefusedError when the receiver's address is none.
    """
    to = receiver(mail)
    name, address = parseaddr(sender)
    own = Address(_on_one_line(name), addr_spec=address)
    policy = SMTP if to.addr_spec.isascii() else SMTPUTF8
    message = EmailMessage(policy.clone(header_factory=_REGISTRY))
    message["From"] = own
    message["To"] = to
    message["Subject"] = _on_one_line(mail.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.id}@{own.domain}>"
    for header, content in _in_its_place(mail, own.domain):
        message[header] = content
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text, cte=_encoding_of(mail.text))
    message.add_alternative(mail.html, subtype="html", cte=_encoding_of(mail.html))
    _add_pictures(message, mail)
    for file in mail.files:
        main, _, sub = file.type.partition(";")[0].partition("/")
        message.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
    return message


def _add_pictures(message: EmailMessage, mail: Mail) -> None:
    """Beside the HTML alone (RFC 2387): who reads the text is shown no attachments that are none."""
    if not mail.pictures:
        return
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    for picture in mail.pictures:
        html.add_related(
            picture.content, "image", "png", cid=f"<{picture.name}>", disposition="inline",
            filename=f"{picture.name}.png",
        )  # fmt: skip


def _in_its_place(mail: Mail, domain: str) -> Iterator[tuple[str, str]]:
    """What mail programs sort by, and what ends such mails. There is no `Precedence`: `Auto-Submitted` and `List-Id`
    say by standards what it only meant, and some servers deliver later what has it."""
    if mail.thread is not None:
        ids = [f"<{id}@{domain}>" for id in (mail.thread.root, mail.thread.previous) if id is not None]
        yield "In-Reply-To", ids[-1]
        yield "References", " ".join(ids)
    if mail.unsubscribe is not None:
        yield "List-Id", f"<{mail.kind}.{domain}>"
        yield "List-Unsubscribe", f"<{mail.unsubscribe}>"
        if mail.unsubscribe.startswith("https:"):  # RFC 8058 section 3.1: one click is for https only
            yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


def receiver(mail: Mail) -> Address:
    """Where the mail goes. A domain in other letters is written in the ASCII that DNS knows; a local part in other
    letters stays, and only servers that speak SMTPUTF8 take it. Raises MailRefusedError when it is no address."""
    local, _, domain = mail.address.rpartition("@")
    if not local or not domain or not all(_is_plain(letter) for letter in mail.address):
        raise MailRefusedError("no_address")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
        return Address(_on_one_line(mail.name), username=local, domain=ascii_domain)
    except (ValueError, IndexError) as error:  # idna's errors are ValueErrors; a name cannot make one
        raise MailRefusedError("no_address") from error


def _is_plain(letter: str) -> bool:
    """Whether the letter may stand in an address that we send to. Quoted local parts with spaces are nobody's."""
    return letter.isprintable() and letter not in ' <>"(),;:\\[]'


def _on_one_line(text: str) -> str:
    """Headers end at a line's end, so no text brings its own; what cannot be printed is a space."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _encoding_of(text: str) -> str:
    """As it is where that is allowed, so that a link can be read in the raw message."""
    is_plain = text.isascii() and all(len(line) < LONGEST_LINE for line in text.splitlines())
    return "7bit" if is_plain else "quoted-printable"
