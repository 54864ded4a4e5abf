"""People, teams and categories."""

import asyncio

import pytest

from database.events import EventLog
from database.idempotency import RequestKey
from database.people import CategoryStore, PeopleStore
from domain.errors import AlreadyExistsError, IdempotencyKeyReusedError, NotFoundError, UnknownReferenceError
from domain.people import Role
from tests.factories import (
    ADMIN,
    AGENT,
    PEOPLE,
    author,
    command_id,
    person_id,
    reader,
)

KEY = RequestKey(command_id("add"), "digest")
BY_ADMIN = author(ADMIN)


async def test_a_person_is_read_with_role_and_teams(people: PeopleStore) -> None:
    agent = await people.read(AGENT)

    assert agent is not None
    assert (agent.name, agent.role, agent.teams, agent.is_active) == ("agent", Role.AGENT, ("support",), True)
    assert agent.reader == reader(AGENT)
    assert await people.read(person_id("nobody")) is None


async def test_an_address_is_one_however_it_is_written(people: PeopleStore) -> None:
    added = await people.add("Ada@Example.com", "Ada", Role.AGENT, "hash", ("support", "network"))

    assert await people.find_by_email("aDA@example.COM") == added
    assert (added.email, added.password_hash, added.teams) == ("Ada@Example.com", "hash", ("network", "support"))
    assert await people.find_by_email("nobody@example.com") is None
    with pytest.raises(AlreadyExistsError):
        await people.add("ADA@example.com", "Another Ada", Role.REQUESTER, "hash")


async def test_a_person_in_an_unknown_team_is_not_added(people: PeopleStore) -> None:
    with pytest.raises(UnknownReferenceError):
        await people.add("ada@example.com", "Ada", Role.AGENT, "hash", ("gardeners",))

    assert await people.find_by_email("ada@example.com") is None


async def test_a_team_named_twice_is_joined_once(people: PeopleStore) -> None:
    assert (await people.add("ada@example.com", "Ada", Role.AGENT, "hash", ("support", "support"))).teams == (
        "support",
    )


async def test_a_repeated_request_adds_a_person_once(people: PeopleStore) -> None:
    added = await asyncio.gather(
        *(people.add("ada@example.com", "Ada", Role.REQUESTER, "hash", key=KEY) for _ in range(4))
    )

    assert len({person.id for person in added}) == 1
    with pytest.raises(IdempotencyKeyReusedError):
        await people.add("bob@example.com", "Bob", Role.REQUESTER, "hash", key=KEY._replace(fingerprint="other"))


async def test_a_change_touches_what_it_names(people: PeopleStore) -> None:
    changed = await people.change(AGENT, BY_ADMIN, teams=("billing", "network"))
    assert (changed.name, changed.role, changed.teams) == ("agent", Role.AGENT, ("billing", "network"))

    changed = await people.change(AGENT, BY_ADMIN, name="Agent", role=Role.SUPERVISOR, is_active=False, teams=())
    assert (changed.name, changed.role, changed.teams, changed.is_active) == ("Agent", Role.SUPERVISOR, (), False)
    assert changed == await people.read(AGENT)


async def test_a_change_that_is_refused_changes_nothing_and_is_no_event(people: PeopleStore, log: EventLog) -> None:
    before, now = await people.read(AGENT), await log.now()

    with pytest.raises(UnknownReferenceError):
        await people.change(AGENT, BY_ADMIN, name="Agent", teams=("gardeners",))
    with pytest.raises(NotFoundError):
        await people.change(person_id("nobody"), BY_ADMIN, name="Nobody")

    assert await people.read(AGENT) == before
    assert await log.after(now) == []


async def test_a_password_is_replaced(people: PeopleStore) -> None:
    await people.rehash(AGENT, "another hash", "newer hash", BY_ADMIN)
    await people.rehash(AGENT, "", "new hash", BY_ADMIN)

    agent = await people.read(AGENT)
    assert agent is not None
    assert agent.password_hash == "new hash"


async def test_people_are_paged_each_once(people: PeopleStore) -> None:
    seen = []
    after = None
    while page := await people.page(after, 3):
        seen += [person.id for person in page]
        after = page[-1].id

    assert seen == sorted(PEOPLE)


async def test_categories_are_listed_by_slug(categories: CategoryStore) -> None:
    await categories.add("gardening", "Gardening", BY_ADMIN)

    assert [category.slug for category in await categories.all()] == [
        "billing",
        "gardening",
        "general",
        "technical",
        "urgent",
    ]


async def test_a_slug_is_given_once(categories: CategoryStore) -> None:
    with pytest.raises(AlreadyExistsError):
        await categories.add("general", "General", BY_ADMIN)
