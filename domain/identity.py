"""Who somebody is to another organisation's identity provider, and what that makes them here.

    claims ──identity_of──▶ Identity ──decide_account──▶ whose account it is, or a refusal
    claims ──rights_of────▶ Rights   ──changed_rights──▶ what is to change of the account

The subject decides whose account it is, for ever. An address decides once, at the first sign-in, and only when the
provider says that it is verified and the operator trusts the provider with addresses of that domain: whoever could make
a provider say any address would otherwise walk into anybody's account. What the claims give is what the operator's
mapping says, and no value beyond the mapping gives anything.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.errors import (
    AccountInactiveError,
    AddressNotTrustedError,
    IdentityIncompleteError,
)
from domain.ids import PersonId
from domain.people import Role
from domain.ticket import Slug

MAX_SUBJECT = 255
MAX_ADDRESS = 254
MAX_NAME = 200
RANK = (Role.REQUESTER, Role.AGENT, Role.SUPERVISOR, Role.ADMIN)
"""From the least to the most."""
EVERY_DOMAIN = "*"

Subject = Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT, pattern=r"^[^\x00-\x1f\x7f]+$")]
Address = Annotated[str, Field(max_length=MAX_ADDRESS, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")]
_SUBJECT: TypeAdapter[str] = TypeAdapter(Subject)
_ADDRESS: TypeAdapter[str] = TypeAdapter(Address)


class ClaimRules(BaseModel):
    """What a provider's word is good for. A claim's name may lead into objects by dots: `realm_access.roles`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trust_email: frozenset[str] = frozenset()
    """Domains whose verified addresses the provider may speak for; `*`: all."""
    default_role: Role = Role.REQUESTER
    roles_claim: str | None = None
    roles: dict[str, Role] = {}
    teams_claim: str | None = None
    teams: dict[str, Slug] = {}
    organisation_claim: str | None = None
    organisations: dict[str, Slug] = {}

    def is_trusted_with(self, email: str) -> bool:
        domain = email.rpartition("@")[2].lower()
        return EVERY_DOMAIN in self.trust_email or domain in {trusted.lower() for trusted in self.trust_email}


class Identity(NamedTuple):
    """Somebody, as the provider names them."""

    subject: str
    email: str | None
    is_email_proven: bool
    """Whether the provider has verified the address, and is trusted with it."""
    name: str | None


class Rights(NamedTuple):
    """What the claims give; None: nothing is said about it, and what is stays."""

    role: Role | None
    teams: tuple[Slug, ...] | None
    organisation: Slug | None


class Account(NamedTuple):
    """An account of ours, as far as it matters here."""

    person: PersonId
    is_active: bool
    kind: Literal["person", "service"]
    is_email_verified: bool


class Current(NamedTuple):
    """The rights that an account has."""

    role: Role
    teams: tuple[Slug, ...]
    organisation: Slug | None


def identity_of(rules: ClaimRules, claims: Mapping[str, Any]) -> Identity:
    """Raises IdentityIncompleteError without a subject. What is no address counts as none."""
    try:
        subject = _SUBJECT.validate_python(claims.get("sub"), strict=True)
    except ValidationError as error:
        raise IdentityIncompleteError("The provider does not say who you are.") from error
    try:
        email = _ADDRESS.validate_python(claims.get("email"), strict=True)
    except ValidationError:
        email = None
    is_proven = email is not None and claims.get("email_verified") is True and rules.is_trusted_with(email)
    return Identity(subject, email, is_proven, _name_of(claims))


def rights_of(rules: ClaimRules, claims: Mapping[str, Any]) -> Rights:
    """The highest role that a value is mapped to, or the default one; all teams, but none for a requester; the first
    organisation."""
    role, teams, organisation = None, None, None
    if rules.roles_claim is not None:
        given = [rules.roles[value] for value in _values(claims, rules.roles_claim) if value in rules.roles]
        role = max(given or [rules.default_role], key=RANK.index)
    if rules.teams_claim is not None:
        found = {rules.teams[value] for value in _values(claims, rules.teams_claim) if value in rules.teams}
        teams = tuple(sorted(found))
    if rules.organisation_claim is not None:
        values = _values(claims, rules.organisation_claim)
        organisation = next((rules.organisations[value] for value in values if value in rules.organisations), None)
    if role is Role.REQUESTER:
        teams = ()
    return Rights(role, teams, organisation)


def decide_account(identity: Identity, known: Account | None, same_address: Account | None) -> PersonId | None:
    """Whose account the identity signs in to: the one it is known for, else the one with its address. None: nobody's
    yet, one is to be made.

    Raises AccountInactiveError, IdentityIncompleteError without an address for a new account, and
    AddressNotTrustedError for an account that the address does not open: neither when nobody trusted proves the
    address, nor when the account's own is unproven, for then whoever registered it first would share it.
    """
    if known is not None:
        _check_may_enter(known)
        return known.person
    if identity.email is None:
        raise IdentityIncompleteError("The provider does not say your e-mail address, and an account needs one.")
    if same_address is None:
        return None
    if not identity.is_email_proven or not same_address.is_email_verified or same_address.kind != "person":
        raise AddressNotTrustedError(
            "There is an account with this e-mail address, and this sign-in does not prove that it is yours. "
            "Sign in as you did so far, or ask an admin."
        )
    _check_may_enter(same_address)
    return same_address.person


def changed_rights(current: Current, wanted: Rights) -> Rights:
    """What differs from what is; None where nothing does."""
    role = wanted.role if wanted.role is not None and wanted.role is not current.role else None
    is_moved = wanted.teams is not None and set(wanted.teams) != set(current.teams)
    is_other = wanted.organisation is not None and wanted.organisation != current.organisation
    return Rights(role, wanted.teams if is_moved else None, wanted.organisation if is_other else None)


def _check_may_enter(account: Account) -> None:
    if not account.is_active or account.kind != "person":
        raise AccountInactiveError("This account is deactivated. Ask an admin.")


def _name_of(claims: Mapping[str, Any]) -> str | None:
    for claim in ("name", "preferred_username"):
        value = claims.get(claim)
        if isinstance(value, str):
            printable = "".join(letter if letter.isprintable() else " " for letter in value)
            name = " ".join(printable.split())[:MAX_NAME]
            if name:
                return name
    return None


def _values(claims: Mapping[str, Any], path: str) -> list[str]:
    """The texts of a claim: one, or a list of them. A name with dots of its own is found as it stands first."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [value for value in found if isinstance(value, str)] if isinstance(found, list) else []
