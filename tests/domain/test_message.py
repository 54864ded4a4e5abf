"""What a message is about."""

from domain.notification import NotificationType
from tests.told import glance, item, message

T = NotificationType


def test_it_is_about_a_ticket_when_all_of_it_is() -> None:
    assert message(item(), item(T.SLA_BREACH)).ticket == glance()
    assert message(item(), item(ticket=glance(7))).ticket is None
    assert message(item(), item(T.SHIFT_ENDING, ticket=None)).ticket is None
    assert message(item(T.SHIFT_ENDING, ticket=None)).ticket is None


def test_its_types_are_each_named_once_and_a_digest_is_one() -> None:
    told = message(item(T.SLA_BREACH), item(T.REPLIED), item(T.SLA_BREACH))
    assert told.types == (T.REPLIED, T.SLA_BREACH)
    assert told._replace(kind="digest").types == (T.REPLIED, T.SLA_BREACH, T.DIGEST)
