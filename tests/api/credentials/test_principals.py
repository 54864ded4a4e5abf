"""The memory of who is who: what it remembers, and how soon it forgets."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from api.credentials.principals import REMEMBERED, REMEMBERED_SECONDS, Principals
from database.credentials import CredentialId, Principal
from database.people import PersonRecord
from domain.ids import PersonId
from domain.people import Role

SESSION = CredentialId("session", uuid4())
ADA, BOB = PersonId(uuid4()), PersonId(uuid4())


def principal(person: PersonId = ADA, role: Role = Role.AGENT) -> Principal:
    record = PersonRecord(
        id=person,
        email="ada@example.com",
        name="Ada",
        role=role,
        teams=(),
        is_active=True,
        password_hash=None,
        tier="standard",
        kind="person",
        organisation=None,
        sees_organisation=False,
        email_verified_at=None,
    )
    return Principal(SESSION, record, None, None, datetime.now(UTC) + timedelta(days=1), is_revoked=False)


class FakeCredentials:
    """Answers with what it was told, and counts how often it was asked."""

    def __init__(self, answer: Principal | None) -> None:
        self.answer = answer
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self, credential: CredentialId) -> Principal | None:
        self.asked += 1
        answer = self.answer
        await self.may_answer.wait()
        return answer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_somebody_is_asked_for_once_and_again_after_a_while() -> None:
    credentials, clock = FakeCredentials(principal()), Clock()
    principals = Principals(credentials, clock)

    assert await principals.find(SESSION) == await principals.find(SESSION)
    assert credentials.asked == 1
    clock.now = REMEMBERED_SECONDS + 0.1
    await principals.find(SESSION)
    assert credentials.asked == 2


async def test_a_change_is_followed_at_once_and_only_where_it_is() -> None:
    credentials = FakeCredentials(principal())
    principals = Principals(credentials, Clock())
    await principals.find(SESSION)

    principals.ring(str(BOB))
    await principals.find(SESSION)
    assert credentials.asked == 1
    credentials.answer = principal(role=Role.REQUESTER)
    principals.ring(str(ADA))
    found = await principals.find(SESSION)
    assert found is not None
    assert found.person.role is Role.REQUESTER


async def test_a_bell_that_was_silent_for_a_while_makes_all_be_asked_for_again() -> None:
    credentials = FakeCredentials(principal())
    principals = Principals(credentials, Clock())
    await principals.find(SESSION)

    principals.ring("")
    await principals.find(SESSION)
    assert credentials.asked == 2


async def test_an_answer_that_a_change_has_overtaken_is_not_remembered() -> None:
    credentials = FakeCredentials(principal())
    principals = Principals(credentials, Clock())
    credentials.may_answer.clear()
    asking = asyncio.create_task(principals.find(SESSION))
    while not credentials.asked:
        await asyncio.sleep(0)
    credentials.answer = None
    principals.forget(ADA)
    credentials.may_answer.set()
    await asking

    assert await principals.find(SESSION) is None


async def test_nobody_is_never_remembered() -> None:
    credentials = FakeCredentials(None)
    principals = Principals(credentials, Clock())
    assert await principals.find(SESSION) is None
    credentials.answer = principal()

    assert await principals.find(SESSION) is not None


async def test_the_memory_is_bounded() -> None:
    credentials = FakeCredentials(principal())
    principals = Principals(credentials, Clock())
    first = CredentialId("session", UUID(int=1))
    await principals.find(first)
    for number in range(2, REMEMBERED + 2):
        await principals.find(CredentialId("session", UUID(int=number)))
    asked = credentials.asked

    await principals.find(first)

    assert credentials.asked == asked + 1
