"""Identities and the accounts that they open; sign-ins under way."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from database.events import EventLog
from database.identities import IdentityStore
from database.oidc_sign_ins import Attempt, OidcSignInStore, SignInCode
from database.people import PeopleStore
from database.pool import Pool
from domain.errors import AccountInactiveError, AddressNotTrustedError
from domain.identity import Identity, Rights
from domain.people import Role
from tests.factories import ADMIN, AGENT, REQUESTER, author

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADA = Identity("ada", "ada@corp.example", is_email_proven=True, name="Ada")
NOTHING = Rights(None, None, None)
ATTEMPT = Attempt("corp", "state", "nonce", "verifier", "/tickets", "challenge")


@pytest.fixture
def identities(pool: Pool) -> IdentityStore:
    return IdentityStore(pool)


@pytest.fixture
def sign_ins(pool: Pool) -> OidcSignInStore:
    return OidcSignInStore(pool)


async def enter(
    identities: IdentityStore, identity: Identity = ADA, rights: Rights = NOTHING, provider: str = "corp"
) -> "tuple[object, Role, tuple[str, ...]]":
    person = (await identities.enter(provider, identity, rights, Role.REQUESTER, NOW)).person
    return person.id, person.role, person.teams


async def test_an_account_is_made_at_the_first_sign_in_and_found_at_the_next(
    identities: IdentityStore, people: PeopleStore
) -> None:
    first = await enter(identities, rights=Rights(Role.AGENT, ("support",), None))
    again = await enter(identities, ADA._replace(email="lovelace@corp.example", name="L"))

    assert first == again
    assert first[1:] == (Role.AGENT, ("support",))
    person = await people.find_by_email("ada@corp.example")
    assert person is not None
    assert (person.id, person.name, person.password_hash) == (first[0], "Ada", None)
    assert person.email_verified_at == NOW


async def test_the_same_subject_at_another_provider_is_somebody_else(identities: IdentityStore) -> None:
    here = await enter(identities)
    there = await enter(identities, ADA._replace(email="ada@other.example"), provider="other")

    assert here[0] != there[0]


async def test_two_first_sign_ins_at_once_make_one_account(identities: IdentityStore) -> None:
    found = await asyncio.gather(*(enter(identities) for _ in range(4)))

    assert len(set(found)) == 1


async def test_a_proven_address_links_and_another_one_changes_nothing(
    identities: IdentityStore, people: PeopleStore, pool: Pool
) -> None:
    agent = await people.read(AGENT)
    assert agent is not None
    unproven = Identity("thief", agent.email.upper(), is_email_proven=False, name="Agent")

    with pytest.raises(AddressNotTrustedError):
        await enter(identities, unproven, Rights(Role.REQUESTER, (), None))
    assert await people.read(AGENT) == agent
    assert await pool.fetchval("select count(*) from identities") == 0

    assert (await enter(identities, unproven._replace(is_email_proven=True)))[0] == AGENT


async def test_rights_follow_the_claims_down_too_and_are_told(
    identities: IdentityStore, people: PeopleStore, log: EventLog
) -> None:
    await enter(identities, rights=Rights(Role.SUPERVISOR, ("support", "billing"), None))
    now = await log.now()

    assert (await enter(identities, rights=Rights(Role.SUPERVISOR, ("billing", "support"), None)))[1] is Role.SUPERVISOR
    assert await log.after(now) == []

    entry = await identities.enter("corp", ADA, Rights(Role.REQUESTER, (), None), Role.REQUESTER, NOW)
    assert (entry.person.role, entry.person.teams) == (Role.REQUESTER, ())
    assert entry.left_desk_as is not None
    assert entry.left_desk_as.role is Role.SUPERVISOR
    assert [event.type for event in await log.after(now)] == ["person.changed"]


async def test_teams_and_organisations_that_nobody_made_are_left_out(identities: IdentityStore, pool: Pool) -> None:
    found = await enter(identities, rights=Rights(Role.AGENT, ("gardeners", "support"), "nowhere"))

    assert found[1:] == (Role.AGENT, ("support",))

    await pool.execute("insert into organisations (slug, name) values ('acme', 'ACME') on conflict do nothing")
    entry = await identities.enter("corp", ADA, Rights(None, None, "acme"), Role.REQUESTER, NOW)
    assert entry.person.organisation == "acme"
    await pool.execute("update people set organisation = null")
    await pool.execute("delete from organisations where slug = 'acme'")


async def test_whoever_is_deactivated_stays_out(identities: IdentityStore, people: PeopleStore) -> None:
    id = (await identities.enter("corp", ADA, NOTHING, Role.REQUESTER, NOW)).person.id
    await people.change(id, author(ADMIN), is_active=False)

    with pytest.raises(AccountInactiveError):
        await enter(identities, rights=Rights(Role.ADMIN, None, None))
    person = await people.read(id)
    assert person is not None
    assert person.role is Role.REQUESTER


async def test_an_attempt_is_taken_once_and_by_its_secret_in_time(sign_ins: OidcSignInStore) -> None:
    until = NOW + timedelta(minutes=10)
    await sign_ins.begin("secret", ATTEMPT, NOW, until)
    await sign_ins.begin("late", ATTEMPT, NOW, until)

    assert await sign_ins.take("other", NOW) is None
    assert await sign_ins.take("late", until) is None
    taken = await asyncio.gather(*(sign_ins.take("secret", NOW) for _ in range(3)))
    assert sorted(taken, key=lambda found: found is None) == [ATTEMPT, None, None]


async def test_a_code_is_taken_once_and_old_ones_go(sign_ins: OidcSignInStore, pool: Pool) -> None:
    until = NOW + timedelta(minutes=1)
    await sign_ins.put_code("code", SignInCode(REQUESTER, "challenge"), NOW, until)

    assert await sign_ins.take_code("code", NOW) == SignInCode(REQUESTER, "challenge")
    assert await sign_ins.take_code("code", NOW) is None

    await sign_ins.put_code("old", SignInCode(REQUESTER, "challenge"), NOW, until)
    await sign_ins.put_code("new", SignInCode(REQUESTER, "challenge"), until, until + timedelta(minutes=1))
    assert await pool.fetchval("select count(*) from oidc_codes") == 1
