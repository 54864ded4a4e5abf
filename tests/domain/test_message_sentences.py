"""Every notification is told in a sentence, and many of them by a count."""

import pytest

from domain.message import MessageItem
from domain.message_sentences import BY_KIND, BY_TYPE, NAMES, counts, cut, sentence
from domain.notification import KIND_TYPES, NotificationType, type_of
from domain.ticket import Status
from tests.told import item

T = NotificationType


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (item(T.REPLIED, "ticket.replied"), "Anna replied."),
        (item(T.REPLIED, "ticket.noted"), "Anna wrote an internal note."),
        (item(T.MENTIONED, "ticket.noted"), "Anna mentioned you."),
        (item(T.MENTIONED, "ticket.noted", actor=None), "Somebody mentioned you."),
        (item(T.REPLIED, "ticket.replied", actor="{status} {0}"), "{status} {0} replied."),
        (item(T.STATUS_CHANGED, "ticket.status_changed", status=Status.ON_HOLD), "The status is now on hold."),
        (item(T.STATUS_CHANGED, "ticket.status_changed"), "The status has changed."),
        (item(T.OFFERED, "ticket.offered"), "You may take the ticket."),
        (item(T.OFFERED, "ticket.offer_withdrawn"), "The ticket is not offered to you any more."),
        (item(T.SWAP_REQUEST, "shift.of_another_kind"), "A request about shifts has changed."),
        (item(T.SHIFT_ENDING, "shift.ending", ticket=None), "Your shift ends soon."),
    ],
)
def test_what_happened_is_said(told: MessageItem, said: str) -> None:
    assert sentence(told) == said


def test_the_tables_have_every_type_and_no_kind_of_another() -> None:
    assert BY_TYPE.keys() == NAMES.keys() == set(T)
    for type, kind in BY_KIND:
        assert kind.startswith("ticket.") or type_of(kind) is type
        assert kind not in KIND_TYPES


def test_many_are_counted_the_most_first() -> None:
    many = [item(T.REPLIED), item(T.SLA_BREACH), item(T.REPLIED), item(T.ASSIGNED)]
    assert counts(many) == "2 replies, 1 assignment, 1 overdue"
    assert counts([]) == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("short", "short"),
        ("a\r\nb\tc\x00d", "a b c d"),
        ("0123456789", "0123456789"),
        ("0123456789a", "012345678…"),
        ("01234567 9ab", "01234567…"),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_a_text_is_cut_to_one_line(text: str, line: str) -> None:
    assert cut(text, 10) == line
