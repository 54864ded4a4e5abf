"""A link in a mail changes whether mails come, and nothing else."""

import pytest

from database.email_choices import EmailChoiceStore
from database.pool import Pool
from domain.email_switch import EmailSwitch, switched_off, way_back
from domain.errors import NotFoundError
from domain.ids import PersonId
from domain.notification import Mode, NotificationType
from domain.people import Role
from tests.factories import AGENT, REQUESTER, person_id

T = NotificationType


@pytest.fixture
def choices(pool: Pool) -> EmailChoiceStore:
    return EmailChoiceStore(pool)


async def kept(pool: Pool, person: PersonId) -> dict[str, tuple[bool, str, str]]:
    rows = await pool.fetch("select type, in_app, email, push from notification_choices where person_id = $1", person)
    return {type: (in_app, email, push) for type, in_app, email, push in rows}


async def test_who_chose_nothing_keeps_the_rest_as_by_default(pool: Pool, choices: EmailChoiceStore) -> None:
    role, before = await choices.apply(switched_off(REQUESTER, (T.REPLIED, T.DIGEST)))
    assert (role, before) == (Role.REQUESTER, {T.REPLIED: Mode.NOW, T.DIGEST: Mode.OFF})
    assert await kept(pool, REQUESTER) == {"replied": (True, "off", "now"), "digest": (True, "off", "off")}


async def test_who_chose_keeps_the_rest_of_the_choice(pool: Pool, choices: EmailChoiceStore) -> None:
    await pool.execute(
        "insert into notification_choices values ($1, 'replied', false, 'daily', 'if_unread'), "
        "($1, 'mentioned', true, 'now', 'off')",
        AGENT,
    )
    switch = switched_off(AGENT, (T.REPLIED,))
    role, before = await choices.apply(switch)
    others = {"mentioned": (True, "now", "off")}
    assert await kept(pool, AGENT) == {"replied": (False, "off", "if_unread"), **others}
    assert before == {T.REPLIED: Mode.DAILY}
    await choices.apply(way_back(switch, before, role))
    assert await kept(pool, AGENT) == {"replied": (False, "daily", "if_unread"), **others}


async def test_it_is_harmless_to_repeat(pool: Pool, choices: EmailChoiceStore) -> None:
    switch = switched_off(AGENT, (T.REPLIED,))
    await choices.apply(switch)
    assert await choices.apply(switch) == (Role.AGENT, {T.REPLIED: Mode.OFF})
    assert list(await kept(pool, AGENT)) == ["replied"]


@pytest.mark.parametrize("is_erased", [False, True])
async def test_nobody_comes_back_by_an_old_mail(pool: Pool, choices: EmailChoiceStore, is_erased: bool) -> None:
    gone = AGENT if is_erased else person_id("nobody")
    await pool.execute("update people set erased_at = now() where id = $1", gone)
    with pytest.raises(NotFoundError):
        await choices.apply(EmailSwitch(gone, {T.REPLIED: Mode.NOW}))
    assert await kept(pool, gone) == {}
