"""No name, subject or address writes a header of its own."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from domain.mail import Mail, MailRefusedError, MailThread
from integrations.mail_message import mail_message

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
MAIL = Mail("mail-1", "rita@example.com", "Hello", "Hello.\n", "<p>Hello.</p>\n")
FROM = "Service Desk <desk@example.com>"
INJECTIONS = [
    "Rita\r\nBcc: eve@example.org",
    "Rita\nBcc: eve@example.org",
    "Rita\r\n\r\nbody",
    "Rita\x00\x0b\x85\u2028",
]


def sent(mail: Mail) -> EmailMessage:
    """As its receiver reads it."""
    return message_from_bytes(mail_message(mail, FROM, NOW).as_bytes(), policy=default)


def test_the_headers() -> None:
    message = sent(MAIL)
    assert dict(message.items()) | {"Content-Type": ""} == {
        "From": FROM,
        "To": "rita@example.com",
        "Subject": "Hello",
        "Date": "Mon, 07 Jan 2030 09:00:00 +0000",
        "Message-ID": "<mail-1@example.com>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "1.0",
        "Content-Type": "",
    }


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_name_or_subject_stays_on_its_line(text: str) -> None:
    message = sent(MAIL._replace(name=text, subject=text))
    assert message.keys() == sent(MAIL).keys()
    assert [one.addr_spec for one in message["To"].addresses] == ["rita@example.com"]
    assert str(message["Subject"]).startswith("Rita")
    assert message.get_body(("plain",)) is not None


@pytest.mark.parametrize(
    "name", ["Rita Müller", "Müller, Rita", '"Rita" <eve@example.org>', "李小龍", "R\u202eatir", "x" * 400]
)
def test_a_name_in_any_letters_arrives_and_is_only_a_name(name: str) -> None:
    (to,) = sent(MAIL._replace(name=name))["To"].addresses
    assert to.addr_spec == "rita@example.com"
    assert to.display_name == "".join(letter if letter.isprintable() else " " for letter in name)


def test_a_domain_in_other_letters_is_written_as_dns_knows_it() -> None:
    for written, known in {
        "bücher.example": "xn--bcher-kva.example",
        "straße.example": "xn--strae-oqa.example",
    }.items():
        assert sent(MAIL._replace(address=f"rita@{written}"))["To"] == f"rita@{known}"


@pytest.mark.parametrize(
    "address",
    [
        "", "rita", "@example.com", "rita@", "rita@exa mple.com", "rita@example.com\r\nBcc: eve@example.org",
        "rita@example.com,eve@example.org", "<rita@example.com>", "rita@example.com>\r\nDATA", "rita@ex\u0000ample.com",
        "eve@example.org;rita@example.com", "rita@bü..example", '"rita\r\n"@example.com', "rita@xn--ü.example",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(MailRefusedError, match="no_address"):
        mail_message(MAIL._replace(address=address), FROM, NOW)


def test_a_link_can_be_read_in_the_raw_message() -> None:
    link = "http://localhost:8000/account/verify-email#token=" + "x" * 400
    raw = mail_message(MAIL._replace(text=f"Go on:\n\n{link}\n"), FROM, NOW).as_bytes()
    assert link.encode() in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("text", ["Grüße\n", "x" * 2000 + "\n", "😀" * 500 + "\n"])
def test_any_text_arrives_in_lines_that_servers_take(text: str) -> None:
    raw = mail_message(MAIL._replace(text=text), FROM, NOW).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    body = message_from_bytes(raw, policy=default).get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == text


LONG = "message-0f8fad5b-d9cb-469f-a165-70867728950e"
ONE_CLICK = "https://desk.example.com/api/notifications/unsubscribe?token=" + "x" * 600


@pytest.mark.parametrize(
    ("thread", "in_reply_to", "references"),
    [
        (MailThread("ticket-1042"), "<ticket-1042@{0}>", "<ticket-1042@{0}>"),
        (MailThread("ticket-1042", LONG), f"<{LONG}@{{0}}>", f"<ticket-1042@{{0}}> <{LONG}@{{0}}>"),
    ],
)
@pytest.mark.parametrize("domain", ["example.com", f"{'a-long-name-of-a-host.' * 4}example.com"])
def test_mails_about_one_thing_hang_together(
    thread: MailThread, in_reply_to: str, references: str, domain: str
) -> None:
    raw = mail_message(MAIL._replace(thread=thread), f"desk@{domain}", NOW).as_bytes()
    message = message_from_bytes(raw, policy=default)
    assert message["In-Reply-To"] == in_reply_to.format(domain)
    assert " ".join(message["References"].split()) == references.format(domain)
    assert b"=?" not in raw, "an id that is encoded is none any more"


def test_a_mail_that_can_be_ended_says_where_and_that_one_click_does_it() -> None:
    raw = mail_message(MAIL._replace(unsubscribe=ONE_CLICK), FROM, NOW).as_bytes()
    assert f"List-Unsubscribe: <{ONE_CLICK}>".encode() in raw.splitlines()
    message = message_from_bytes(raw, policy=default)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "<notifications.example.com>"
    assert message["Precedence"] is None


def test_mails_of_a_kind_of_their_own_can_be_sorted_by_it() -> None:
    message = sent(MAIL._replace(unsubscribe=ONE_CLICK, kind="7f5c.reports"))
    assert message["List-Id"] == "<7f5c.reports.example.com>"


def test_one_click_is_for_https_only() -> None:
    message = sent(MAIL._replace(unsubscribe="http://localhost:8000/x"))
    assert message["List-Unsubscribe"] == "<http://localhost:8000/x>"
    assert message["List-Unsubscribe-Post"] is None


def test_the_headers_stand_beside_an_address_that_needs_utf8() -> None:
    mail = MAIL._replace(address="rita.müller@example.com", thread=MailThread("ticket-1"), unsubscribe=ONE_CLICK)
    raw = mail_message(mail, FROM, NOW).as_bytes()
    assert f"List-Unsubscribe: <{ONE_CLICK}>".encode() in raw.splitlines()
    assert b"References: <ticket-1@example.com>" in raw.splitlines()
