"""Mails say what happened, in both parts; other people's words stay words, and all links lead to the desk."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import NamedTuple

import pytest

from domain.email_switch import EmailSwitch, switched_off
from domain.ids import MessageId
from domain.mail import Mail, MailThread
from domain.message import LONGEST_QUOTE, Message
from domain.notification import NotificationType
from domain.ticket import Priority, Status
from integrations.notification_mail_texts import MOST_ITEMS, MOST_OF_A_TICKET, MOST_TICKETS, NotificationMailWriter
from tests.told import AT, RITA, glance, item, message

T = NotificationType
HOME = "https://desk.example.com"
STOP = f"{HOME}/api/notifications/unsubscribe?token=abc"
PREVIOUS = MessageId(message().id)
EVIL = '<img src="https://evil.example/x.png" onerror=alert(1)>\r\nBcc: eve@example.org\u202e'


class Links(NamedTuple):
    """Remembers what was asked for."""

    asked: list[tuple[EmailSwitch, datetime]]

    def address(self, switch: EmailSwitch, now: datetime) -> str:
        self.asked.append((switch, now))
        return STOP


def written(told: Message) -> Mail:
    return NotificationMailWriter(Links([]), f"{HOME}/").write(told, AT)


def links_in(html: str) -> set[str]:
    return set(map(unescape, re.findall(r'(?:href|src|action|background)="([^"]*)"', html)))


def of_several() -> Message:
    return message(
        item(T.SLA_BREACH, number=1, ticket=glance(7, "Paper is out")),
        item(T.REPLIED, "ticket.replied", number=2),
        item(T.REPLIED, "ticket.replied", number=3),
        item(T.TIME_OFF, "time_off.approved", number=4, ticket=None, why="person"),
        kind="bundle",
    )


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (message(), "[#1042] The printer is on fire"),
        (message(item(), item(T.SLA_BREACH)), "[#1042] The printer is on fire"),
        (of_several(), "4 notifications: 2 replies, 1 overdue, 1 time off"),
        (of_several()._replace(kind="digest"), "Your day: 2 replies, 1 overdue, 1 time off"),
        (message(kind="digest"), "Your day: 1 reply"),
        (message(item(T.TIME_OFF, "time_off.approved", ticket=None)), "Your time off was approved."),
        (message(item(ticket=glance(title=EVIL))), f"[#1042] {EVIL[:-2]}".replace("\r\n", " ") + "g"),
        (message(item(ticket=glance(title="x" * 500))), "[#1042] " + "x" * 141 + "…"),
    ],
)  # fmt: skip
def test_the_subject_is_the_tickets_and_stays_the_same(told: Message, subject: str) -> None:
    assert written(told).subject == subject


def test_a_mail_about_a_ticket_says_what_when_and_why_in_both_parts() -> None:
    ticket = glance(status=Status.ON_HOLD, priority=Priority.URGENT, sla_due_at=AT + timedelta(hours=3))
    mail = written(
        message(
            item(T.REPLIED, "ticket.replied", number=5, ticket=ticket, text="Use water.\r\n\r\nOr sand."),
            item(T.SLA_WARNING, number=7, ticket=ticket, why="watcher"),
            receiver=RITA._replace(zone="Europe/Berlin"),
        )
    )
    for part in (mail.text, unescape(mail.html)):
        for said in (
            "The printer is on fire", "#1042", "on hold", "priority urgent", "due 7 January 2030, 13:00 Europe/Berlin",
            "Anna replied.", "7 January 2030, 10:05 Europe/Berlin", "The ticket is due soon.",
            "You are the assignee. You watch the ticket.", f"{HOME}/tickets/1042", STOP,
        ):  # fmt: skip
            assert said in part
    assert "> Use water.\n>\n> Or sand.\n" in mail.text
    assert "Use water.\n\nOr sand.</blockquote>" in mail.html
    assert (mail.address, mail.name, mail.id) == ("rita@example.com", "Rita", f"message-{message().id}")


@pytest.mark.parametrize("told", [message(), of_several(), of_several()._replace(kind="digest")])
def test_every_mail_is_made_for_a_phone_and_loads_nothing(told: Message) -> None:
    mail = written(told)
    assert 'name="viewport" content="width=device-width' in mail.html
    assert not re.search(r"<(img|script|link|style|iframe|form)|url\(|@import", mail.html)
    assert all(link == HOME or link.startswith(f"{HOME}/") for link in links_in(mail.html))
    assert "{{" not in mail.text + mail.html
    assert "\n\n\n\n" not in mail.text
    assert STOP in links_in(mail.html)
    assert mail.unsubscribe == STOP


@pytest.mark.parametrize("kind", ["ticket", "bundle", "digest"])
def test_other_peoples_words_stay_words(kind: str) -> None:
    evil = item(T.REPLIED, "ticket.replied", ticket=glance(title=EVIL), actor=EVIL, text=EVIL)
    mail = written(message(evil, evil._replace(ticket=glance(7, EVIL)), kind=kind))
    if kind == "ticket":
        mail = written(message(evil))
    assert "<img" not in mail.html
    assert "&lt;img" in mail.html
    assert "\u202e" not in mail.html + mail.text + mail.subject
    assert all(link == HOME or link.startswith(f"{HOME}/") for link in links_in(mail.html))
    lines = mail.text.splitlines()
    assert not any(line.startswith("Bcc") for line in lines), "a title brings no line of its own"


def test_a_reply_is_quoted_whole_up_to_a_bound() -> None:
    whole = written(message(item(text="x" * LONGEST_QUOTE)))
    cut = written(message(item(text="x" * (LONGEST_QUOTE + 1))))
    for mail, is_cut in ((whole, False), (cut, True)):
        for part in (mail.text, mail.html):
            assert "x" * LONGEST_QUOTE in part
            assert "x" * (LONGEST_QUOTE + 1) not in part
            assert ("The rest is at the ticket." in part) == is_cut


def test_what_joins_letters_stays_and_what_cannot_be_seen_goes() -> None:
    mail = written(message(item(text="می\u200cبینی 👩\u200d🔧 a\x00b\x1bc\u2028d")))
    assert "> می\u200cبینی 👩\u200d🔧 a b c d" in mail.text


def test_of_one_ticket_the_latest_are_told_and_the_rest_counted() -> None:
    mail = written(message(*(item(number=n, text=f"reply {n}.") for n in range(MOST_ITEMS + 3))))
    assert "reply 2." not in mail.text
    assert "reply 3." in mail.text
    for part in (mail.text, mail.html):
        assert "And 3 more, at the ticket." in part


def test_of_several_tickets_that_with_the_latest_news_comes_first() -> None:
    mail = written(of_several())
    for part in (mail.text, mail.html):
        places = [
            part.index(said) for said in ("The printer is on fire", "Paper is out", "Your time off was approved.")
        ]
        assert places == sorted(places)
        assert "> " not in mail.text, "a mail about many repeats no replies"
    assert links_in(mail.html) == {HOME, STOP, f"{HOME}/tickets/1042", f"{HOME}/tickets/7"}


def test_a_storm_fits_into_a_mail() -> None:
    """500 breaches: counted, and as many of them named as anybody reads."""
    storm = [item(T.SLA_BREACH, number=n, ticket=glance(1000 + n // 2)) for n in range(500)]
    mail = written(message(*storm, kind="bundle"))
    assert mail.subject == "500 notifications: 500 overdue"
    assert mail.text.count("#1") == MOST_TICKETS
    assert "And 200 more tickets." in mail.text
    assert len(mail.html) < 100_000


def test_of_one_ticket_among_several_the_latest_are_told() -> None:
    many = [item(T.REPLIED, "ticket.replied", number=n) for n in range(MOST_OF_A_TICKET + 2)]
    mail = written(message(*many, item(number=99, ticket=glance(7)), kind="bundle"))
    assert "- and 2 before: 2 replies" in mail.text
    assert mail.text.count("- Anna replied.") == MOST_OF_A_TICKET + 1


@pytest.mark.parametrize(
    ("told", "thread"),
    [
        (message(), MailThread("ticket-1042")),
        (message(previous=PREVIOUS), MailThread("ticket-1042", f"message-{PREVIOUS}")),
        (of_several(), None),
        (message(kind="digest"), None),
        (message(item(T.TIME_OFF, ticket=None)), None),
    ],
)
def test_mails_about_a_ticket_are_a_thread(told: Message, thread: MailThread | None) -> None:
    assert written(told).thread == thread


def test_the_link_ends_the_types_that_the_mail_is_about() -> None:
    links = Links([])
    now = datetime.now(UTC)
    NotificationMailWriter(links, HOME).write(of_several()._replace(kind="digest"), now)
    types = (T.REPLIED, T.SLA_BREACH, T.TIME_OFF, T.DIGEST)
    assert links.asked == [(switched_off(RITA.id, types), now)]


@pytest.mark.parametrize("zone", ["Nowhere/Land", "", "../../etc/passwd", "/etc/passwd", "a\x00b"])
def test_a_zone_that_is_none_is_utc(zone: str) -> None:
    assert "09:01 UTC" in written(message(receiver=RITA._replace(zone=zone))).text
