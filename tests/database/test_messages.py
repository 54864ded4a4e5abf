"""A message says what its receiver may see at the moment of sending, and to an address that is theirs."""

from datetime import timedelta

import pytest

from database.messages import MessageStore
from database.people import PeopleStore
from database.pool import Pool
from database.push_subscriptions import PushSubscriptionStore
from database.tickets import TicketStore
from domain.ids import MessageId, NotificationId, PersonId, TextId
from domain.message import LONGEST_QUOTE, Message, MessageNotSentError, Route
from domain.notification import Channel, NotificationType
from domain.ticket import Status, Ticket
from domain.ticket_commands import AddReply, AssignTicket, ChangeStatus
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.factories import AGENT, BILLING_AGENT, BY_SUPERVISOR, NOW, OTHER_AGENT, REQUESTER, author
from tests.messages import asked_message, notified, outcome_of, told

T = NotificationType


@pytest.fixture
def messages(pool: Pool) -> MessageStore:
    return MessageStore(pool)


@pytest.fixture
async def ticket(store: TicketStore) -> Ticket:
    return await stored_ticket(store, team="support")


async def replied(store: TicketStore, ticket: Ticket, body: str = "Use water.") -> Ticket:
    """The agent answered; the requester is told."""
    text: TextId = await stored_text(store, ticket.number, body)
    return await recorded(store, ticket, AddReply(text_id=text))


async def message_to(pool: Pool, person: PersonId, channel: Channel = Channel.EMAIL) -> MessageId:
    """A message about everything that the person was told."""
    return await asked_message(pool, person, await told(pool, person), channel)


async def read(messages: MessageStore, message: MessageId) -> Message:
    found = await messages.read(message)
    assert found is not None
    return found


async def test_it_has_the_words_the_names_and_the_ticket_of_this_moment(
    pool: Pool, store: TicketStore, messages: MessageStore, ticket: Ticket
) -> None:
    await replied(store, ticket)
    await pool.execute(
        "insert into notification_settings values ($1, 'Europe/Berlin', null, null, true, 5, 30, '08:00')", REQUESTER
    )
    found = await read(messages, await message_to(pool, REQUESTER))
    assert found.receiver == (REQUESTER, "requester", "requester@example.com", "Europe/Berlin")
    assert (found.channel, found.kind, found.previous, found.unread) == (Channel.EMAIL, "ticket", None, 1)
    (item,) = found.items
    assert (item.type, item.kind, item.why, item.at) == (T.REPLIED, "ticket.replied", "requester", NOW)
    assert (item.actor, item.text) == ("agent", "Use water.")
    assert item.ticket is not None
    assert item.ticket[:3] == (ticket.number, "The printer is on fire", Status.OPEN)


async def test_a_new_status_is_told_as_it_was_then(
    pool: Pool, store: TicketStore, messages: MessageStore, ticket: Ticket
) -> None:
    ticket = await recorded(store, ticket, ChangeStatus(status=Status.PENDING))
    await recorded(store, ticket, ChangeStatus(status=Status.RESOLVED))
    found = await read(messages, await message_to(pool, REQUESTER))
    assert [item.status for item in found.items] == [Status.PENDING, Status.RESOLVED]


async def test_what_is_about_no_ticket_needs_none(pool: Pool, messages: MessageStore) -> None:
    told = await notified(pool, AGENT, T.SHIFT_ENDING, "shift.ending", subject="shift:1", revision=0)
    found = await read(messages, await asked_message(pool, AGENT, [told]))
    assert [(item.type, item.ticket, item.actor, item.text) for item in found.items] == [
        (T.SHIFT_ENDING, None, None, None)
    ]
    assert found.receiver.zone == "UTC"


async def test_it_tells_of_what_was_decided_for_it_in_order(pool: Pool, messages: MessageStore) -> None:
    first, _, third = [
        await notified(pool, AGENT, T.TIME_OFF, "time_off.approved", subject=f"{n}", at=NOW + timedelta(minutes=n))
        for n in range(3)
    ]
    found = await read(messages, await asked_message(pool, AGENT, [third, first], kind="bundle"))
    assert [item.notification for item in found.items] == [first, third]
    assert found.unread == 3


async def test_a_long_reply_is_read_up_to_what_is_repeated(
    pool: Pool, store: TicketStore, messages: MessageStore, ticket: Ticket
) -> None:
    await replied(store, ticket, "x" * (LONGEST_QUOTE + 500))
    (item,) = (await read(messages, await message_to(pool, REQUESTER))).items
    assert item.text == "x" * (LONGEST_QUOTE + 1)


async def nothing_left(messages: MessageStore, message: MessageId) -> None:
    with pytest.raises(MessageNotSentError, match="nothing_left"):
        await messages.read(message)


async def test_who_lost_sight_of_the_ticket_is_told_nothing_of_it(
    pool: Pool, store: TicketStore, messages: MessageStore, ticket: Ticket, people: PeopleStore
) -> None:
    """The agent left the team between the decision and the sending."""
    ticket = await recorded(store, ticket, AssignTicket(assignee_id=AGENT), by=BY_SUPERVISOR)
    message = await message_to(pool, AGENT)
    assert len((await read(messages, message)).items) == 1
    await pool.execute("update tickets set assignee_id = null, assigned_at = null where number = $1", ticket.number)
    await people.change(AGENT, author(AGENT), teams=("billing",))
    await nothing_left(messages, message)


async def test_an_internal_note_is_for_the_desk_of_this_moment(
    pool: Pool, store: TicketStore, messages: MessageStore, ticket: Ticket
) -> None:
    """A former colleague still sees the ticket, for it is their own; its notes are not for them any more."""
    number = ticket.number
    await pool.execute("update tickets set requester_id = $2 where number = $1", number, BILLING_AGENT)
    public = await notified(pool, BILLING_AGENT, T.REPLIED, "ticket.replied", number, revision=8)
    note = await notified(pool, BILLING_AGENT, T.REPLIED, "ticket.noted", number, revision=9, internal=True)
    message = await asked_message(pool, BILLING_AGENT, [public, note])
    assert [item.notification for item in (await read(messages, message)).items] == [public]
    await pool.execute("insert into team_members (team, person_id) values ('support', $1)", BILLING_AGENT)
    assert [item.notification for item in (await read(messages, message)).items] == [public, note]


async def test_what_was_erased_is_left_out(
    pool: Pool, store: TicketStore, messages: MessageStore, ticket: Ticket
) -> None:
    ticket = await replied(store, ticket, "My name is Ada.")
    await recorded(store, ticket, ChangeStatus(status=Status.PENDING))
    message = await message_to(pool, REQUESTER)
    await pool.execute("update ticket_texts set body = '[erased]' where title is null")
    assert [item.type for item in (await read(messages, message)).items] == [T.STATUS_CHANGED]


async def test_of_a_notification_that_is_gone_nothing_is_left(
    pool: Pool, store: TicketStore, messages: MessageStore, ticket: Ticket
) -> None:
    await replied(store, ticket)
    message = await message_to(pool, REQUESTER)
    await pool.execute("delete from notifications where person_id = $1", REQUESTER)
    await nothing_left(messages, message)


async def test_nobody_is_told_by_anothers_message(pool: Pool, messages: MessageStore) -> None:
    others: NotificationId = await notified(pool, OTHER_AGENT, T.TIME_OFF, "time_off.approved", subject="1")
    await nothing_left(messages, await asked_message(pool, AGENT, [others]))


@pytest.mark.parametrize(
    ("change", "by_mail", "by_push"),
    [
        ("email_verified_at = null", "no_address", None),
        ("email_verified_at = null, erased_at = now(), is_active = false", "no_address", "inactive"),
        ("is_active = false", "inactive", "inactive"),
    ],
)
async def test_who_cannot_be_reached_is_not_written_to(
    pool: Pool, messages: MessageStore, change: str, by_mail: str, by_push: str | None
) -> None:
    told = await notified(pool, AGENT, T.TIME_OFF, "time_off.approved", subject="1")
    await pool.execute(f"update people set {change} where id = $1", AGENT)  # noqa: S608  our own words
    for channel, failure in ((Channel.EMAIL, by_mail), (Channel.PUSH, by_push)):
        message = await asked_message(pool, AGENT, [told], channel)
        if failure is None:
            assert len((await read(messages, message)).items) == 1
            continue
        with pytest.raises(MessageNotSentError, match=failure):
            await messages.read(message)


async def test_a_mail_knows_the_one_before_it_about_the_ticket(
    pool: Pool, store: TicketStore, messages: MessageStore, ticket: Ticket
) -> None:
    """Sent, by mail, to this person, about this ticket: the last one such."""
    await replied(store, ticket)
    other = await stored_ticket(store)
    one = await told(pool, REQUESTER)

    async def made(person: PersonId, channel: Channel, about: Ticket, *, sent: bool) -> MessageId:
        message = await asked_message(pool, person, one, channel, ticket=about.number)
        if sent:
            await messages.mark_sent(message)
        return message

    await made(REQUESTER, Channel.EMAIL, ticket, sent=True)
    before = await made(REQUESTER, Channel.EMAIL, ticket, sent=True)
    await made(AGENT, Channel.EMAIL, ticket, sent=True)
    await made(REQUESTER, Channel.PUSH, ticket, sent=True)
    await made(REQUESTER, Channel.EMAIL, other, sent=True)
    await made(REQUESTER, Channel.EMAIL, ticket, sent=False)
    found = await read(messages, await made(REQUESTER, Channel.EMAIL, ticket, sent=False))
    assert found.previous == before


async def test_what_became_of_it_is_said_once(pool: Pool, messages: MessageStore) -> None:
    told = await notified(pool, AGENT, T.TIME_OFF, "time_off.approved", subject="1")
    sent, failed = await asked_message(pool, AGENT, [told]), await asked_message(pool, AGENT, [told])
    await messages.mark_sent(sent)
    await messages.mark_failed(sent, "late")
    await messages.mark_failed(failed, "smtp_550")
    await messages.mark_sent(failed)
    assert await outcome_of(pool, sent) == (True, None)
    assert await outcome_of(pool, failed) == (False, "smtp_550")
    for message in (sent, failed):
        assert await messages.route(message) is None
        assert await messages.read(message) is None


async def test_a_push_goes_to_each_device_and_to_the_others_once_one_has_it(pool: Pool, messages: MessageStore) -> None:
    devices = PushSubscriptionStore(pool)
    first, second = [
        (await devices.add(AGENT, f"https://push.example.com/{n}", b"p", b"a", ""))[0].id for n in range(2)
    ]
    await devices.add(OTHER_AGENT, "https://push.example.com/other", b"p", b"a", "")
    told = await notified(pool, AGENT, T.TIME_OFF, "time_off.approved", subject="1")
    by_push = await asked_message(pool, AGENT, [told], Channel.PUSH)
    by_mail = await asked_message(pool, AGENT, [told], Channel.EMAIL)
    assert await messages.route(by_push) == Route(channel=Channel.PUSH, subscriptions=(first, second))
    assert await messages.route(by_mail) == Route(channel=Channel.EMAIL)
    await messages.mark_sent(by_push)
    assert await messages.read(by_push) is not None


async def test_a_message_that_never_was_is_nothing(messages: MessageStore) -> None:
    nobody = MessageId(REQUESTER)
    assert await messages.route(nobody) is None
    assert await messages.read(nobody) is None
