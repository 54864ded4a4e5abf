"""Mails about an account: what there is to tell its owner, and the links in them.

A link is good for one purpose and one state of the account (its mark): once the password or the address has changed,
the mark of the account is another one and all links sent before are worth nothing.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.errors import LinkInvalidError
from domain.ids import AccountMailId, PersonId


class AccountMailKind(StrEnum):
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105  a kind of mail, no password
    ALREADY_REGISTERED = "already_registered"
    """Somebody registered with an address that has an account; only its owner learns so."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  as above
    FACTOR_ADDED = "factor_added"
    """Signing in asks for a second factor from now on."""


class LinkPurpose(StrEnum):
    VERIFY_EMAIL = "verify-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105  as above


class AccountMailRequest(NamedTuple):
    """A mail that is to be sent, and to whom, as their account stands now."""

    id: AccountMailId
    kind: AccountMailKind
    requested_at: datetime
    person: PersonId
    email: str
    credential_version: int


class SignedLink(NamedTuple):
    """What a link says, once its signature was found right: whose it is, and how their account stood."""

    person: PersonId
    mark: str


LINK_OF: dict[AccountMailKind, LinkPurpose | None] = {
    AccountMailKind.VERIFY_EMAIL: LinkPurpose.VERIFY_EMAIL,
    AccountMailKind.RESET_PASSWORD: LinkPurpose.RESET_PASSWORD,
    AccountMailKind.ALREADY_REGISTERED: None,
    AccountMailKind.PASSWORD_CHANGED: None,
    AccountMailKind.FACTOR_ADDED: None,
}
"""The link that a mail carries."""

LINK_LIFETIME: dict[LinkPurpose, timedelta] = {
    LinkPurpose.VERIFY_EMAIL: timedelta(days=3),
    LinkPurpose.RESET_PASSWORD: timedelta(hours=1),
}
"""How long a link is good for, counted from the sending of its mail."""

LINK_ISSUER = "smart-ticketing"
LINK_ALGORITHM = "Ed25519"
LINK_TYPE = "link+jwt"
"""The `typ` of a link's token, so that none of them passes for an access token, nor the other way round."""
GIVE_UP_AFTER = timedelta(days=1)
"""How long sending is tried."""


def account_mark(purpose: LinkPurpose, email: str, credential_version: int) -> str:
    """How the account stands, as far as the purpose cares. It is bound to the address, so
    that a link to an address that was given up opens nothing, and to the password: who confirms an address confirms
    the registration that this mail is about, and not a later one by somebody else."""
    parts = [purpose.value, email.lower(), str(credential_version)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def check_mark(link: SignedLink, purpose: LinkPurpose, email: str, credential_version: int) -> None:
    """Raises LinkInvalidError when the account has moved on since the link was made: it was used, or overtaken."""
    if link.mark != account_mark(purpose, email, credential_version):
        raise LinkInvalidError("The link was used already, or the account has changed since; ask for a new one.")
