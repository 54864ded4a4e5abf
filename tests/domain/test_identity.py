"""What an identity provider's word is good for."""

from typing import Any

import pytest

from domain.errors import AccountInactiveError, AddressNotTrustedError, IdentityIncompleteError
from domain.identity import (
    Account,
    ClaimRules,
    Current,
    Identity,
    Rights,
    changed_rights,
    decide_account,
    identity_of,
    rights_of,
)
from domain.people import Role
from tests.factories import AGENT, REQUESTER

RULES = ClaimRules(
    trust_email=frozenset({"Example.com"}),
    roles_claim="realm_access.roles",
    roles={"desk": Role.AGENT, "desk-lead": Role.SUPERVISOR},
    teams_claim="groups",
    teams={"it-support": "support", "it-network": "network"},
    organisation_claim="company",
    organisations={"ACME Ltd": "acme"},
)
ADA = {"sub": "ada", "email": "ada@example.com", "email_verified": True, "name": "Ada Lovelace"}
IDENTITY = Identity("ada", "ada@example.com", is_email_proven=True, name="Ada")
ACCOUNT = Account(AGENT, is_active=True, kind="person", is_email_verified=True)
NOTHING = Rights(None, None, None)


@pytest.mark.parametrize(
    ("changes", "is_proven"),
    [
        ({}, True),
        ({"email": "ada@EXAMPLE.com"}, True),
        ({"email_verified": False}, False),
        ({"email_verified": None}, False),
        ({"email_verified": "true"}, False),
        ({"email": "ada@example.org"}, False),
        ({"email": "ada@sub.example.com"}, False),
        ({"email": "ada@example.com.evil.org"}, False),
        ({"email": "ada@evil.org@example.com"}, False),
        ({"email": None}, False),
        ({"email": "\ud800@example.com"}, False),
        ({"email": ["ada@example.com"]}, False),
    ],
)
def test_an_address_is_proven_by_a_provider_that_verified_it_and_is_trusted_with_it(
    changes: dict[str, Any], is_proven: bool
) -> None:
    assert identity_of(RULES, ADA | changes).is_email_proven is is_proven


def test_trust_may_be_for_all_domains_and_is_for_none_by_default() -> None:
    assert identity_of(ClaimRules(trust_email=frozenset({"*"})), ADA).is_email_proven
    assert not identity_of(ClaimRules(), ADA).is_email_proven


@pytest.mark.parametrize("subject", [None, "", 7, ["ada"], "a" * 256, "nul\0", "\ud800"])
def test_without_a_subject_there_is_no_identity(subject: Any) -> None:
    with pytest.raises(IdentityIncompleteError):
        identity_of(RULES, ADA | {"sub": subject})


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": " Ada\n \x00Lovelace "}, "Ada Lovelace"),
        ({"name": "", "preferred_username": "ada"}, "ada"),
        ({"name": 7}, None),
        ({"name": "x" * 300}, "x" * 200),
    ],
)
def test_a_name_is_one_printable_line(claims: dict[str, Any], name: str | None) -> None:
    assert identity_of(RULES, {"sub": "ada", **claims}).name == name


@pytest.mark.parametrize(
    ("claims", "rights"),
    [
        ({"realm_access": {"roles": ["desk"]}, "groups": ["it-support", "x"]}, Rights(Role.AGENT, ("support",), None)),
        ({"realm_access": {"roles": ["desk", "desk-lead"]}}, Rights(Role.SUPERVISOR, (), None)),
        ({"realm_access": {"roles": "desk"}, "groups": "it-network"}, Rights(Role.AGENT, ("network",), None)),
        ({"realm_access.roles": ["desk"], "realm_access": 3}, Rights(Role.AGENT, (), None)),
        ({"realm_access": {"roles": ["admin", 7, None]}, "company": "ACME Ltd"}, Rights(Role.REQUESTER, (), "acme")),
        ({"groups": ["it-support"]}, Rights(Role.REQUESTER, (), None)),
        ({}, Rights(Role.REQUESTER, (), None)),
    ],
)
def test_the_mapping_gives_what_it_says_and_nothing_gives_more(claims: dict[str, Any], rights: Rights) -> None:
    assert rights_of(RULES, claims) == rights


def test_without_a_mapping_nothing_is_said() -> None:
    assert rights_of(ClaimRules(), {"roles": ["admin"], "groups": ["it-support"]}) == NOTHING


def test_the_subject_decides_whatever_the_address_says() -> None:
    other = Account(REQUESTER, is_active=True, kind="person", is_email_verified=True)

    assert decide_account(IDENTITY, ACCOUNT, other) == AGENT
    assert decide_account(IDENTITY._replace(email=None, is_email_proven=False), ACCOUNT, None) == AGENT


def test_a_proven_address_opens_its_account_and_an_unknown_one_makes_one() -> None:
    assert decide_account(IDENTITY, None, ACCOUNT) == AGENT
    assert decide_account(IDENTITY, None, None) is None
    assert decide_account(IDENTITY._replace(is_email_proven=False), None, None) is None


@pytest.mark.parametrize(
    ("identity", "account"),
    [
        (IDENTITY._replace(is_email_proven=False), ACCOUNT),
        (IDENTITY, ACCOUNT._replace(is_email_verified=False)),
        (IDENTITY, ACCOUNT._replace(kind="service")),
    ],
)
def test_an_account_is_not_opened_by_an_address_that_proves_nothing(identity: Identity, account: Account) -> None:
    with pytest.raises(AddressNotTrustedError):
        decide_account(identity, None, account)


def test_whoever_is_deactivated_stays_out_both_ways() -> None:
    gone = ACCOUNT._replace(is_active=False)
    for known, same_address in ((gone, None), (None, gone), (ACCOUNT._replace(kind="service"), None)):
        with pytest.raises(AccountInactiveError):
            decide_account(IDENTITY, known, same_address)


def test_a_new_account_needs_an_address() -> None:
    with pytest.raises(IdentityIncompleteError):
        decide_account(IDENTITY._replace(email=None), None, None)


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        (Rights(Role.AGENT, ("network", "support"), "acme"), NOTHING),
        (NOTHING, NOTHING),
        (Rights(Role.REQUESTER, (), None), Rights(Role.REQUESTER, (), None)),
        (Rights(Role.SUPERVISOR, ("support",), "other"), Rights(Role.SUPERVISOR, ("support",), "other")),
    ],
)
def test_only_what_differs_is_changed(wanted: Rights, changed: Rights) -> None:
    assert changed_rights(Current(Role.AGENT, ("support", "network"), "acme"), wanted) == changed
