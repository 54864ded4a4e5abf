"""The links that end mails about notifications, or a mailed report, and bring them back. Who has one needs no sign-in:
it says whose mails of which kind, and it can do nothing else."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from joserfc.jwt import JWTClaimsRegistry

from domain.account_mail import LINK_ALGORITHM, LINK_ISSUER, LINK_TYPE
from domain.email_switch import SWITCH_LIFETIME, EmailSwitch
from domain.errors import LinkInvalidError
from domain.ids import PersonId, ReportMailId
from domain.notification import Mode, NotificationType
from domain.report_mail_switch import ReportMailSwitch

PURPOSE, REPORT_PURPOSE = "email-switch", "report-mail-switch"
PATH, REPORT_PATH = "/api/notifications/unsubscribe", "/api/reports/unsubscribe"
Keys = Callable[[], tuple[OKPKey, KeySet]]
"""The key that signs now, and all that verify."""
_Switch = TypeVar("_Switch")
_GETS = {"leave": False, "return": True}


class UnsubscribeLinks:
    """Makes and checks them for mails about notifications, with the keys that also sign access tokens."""

    def __init__(self, keys: Keys, public_url: str) -> None:
        self._keys = keys
        self._public_url = public_url.rstrip("/")

    def address(self, switch: EmailSwitch, now: datetime) -> str:
        """A page with a button. To post to the address is to press it (RFC 8058), so that mail programs can."""
        return f"{self._public_url}{PATH}?token={self.token(switch, now)}"

    def token(self, switch: EmailSwitch, now: datetime) -> str:
        """What the link proves: its holder reads the mails of this person."""
        modes = {type.value: mode.value for type, mode in switch.modes.items()}
        return _signed(self._keys()[0], PURPOSE, switch.person, {"modes": modes}, now)

    def check(self, token: str) -> EmailSwitch:
        """What the link does. Raises LinkInvalidError for anything but a link of ours of the last 30 days."""
        return _read(self._keys()[1], PURPOSE, token, _email_switch)


class ReportMailLinks:
    """Makes and checks them for mailed reports: each is good for one person and one mailed report."""

    def __init__(self, keys: Keys, public_url: str) -> None:
        self._keys = keys
        self._public_url = public_url.rstrip("/")

    def address(self, switch: ReportMailSwitch, now: datetime) -> str:
        """As that of UnsubscribeLinks."""
        return f"{self._public_url}{REPORT_PATH}?token={self.token(switch, now)}"

    def token(self, switch: ReportMailSwitch, now: datetime) -> str:
        """What the link proves: its holder reads the letters of this person."""
        does = next(word for word, gets in _GETS.items() if gets is switch.gets)
        return _signed(self._keys()[0], REPORT_PURPOSE, switch.person, {"mail": str(switch.mail), "does": does}, now)

    def check(self, token: str) -> ReportMailSwitch:
        """What the link does. Raises LinkInvalidError for anything but a link of ours of the last 30 days."""
        return _read(self._keys()[1], REPORT_PURPOSE, token, _report_mail_switch)


def _signed(key: OKPKey, purpose: str, person: PersonId, says: Mapping[str, Any], now: datetime) -> str:
    claims = {
        "iss": LINK_ISSUER,
        "aud": purpose,
        "sub": str(person),
        "iat": int(now.timestamp()),
        "exp": int((now + SWITCH_LIFETIME).timestamp()),
        **says,
    }
    header = {"alg": LINK_ALGORITHM, "typ": LINK_TYPE, "kid": key.thumbprint()}
    return jwt.encode(header, claims, key, algorithms=[LINK_ALGORITHM])


def _read(keys: KeySet, purpose: str, token: str, parse: Callable[[Mapping[str, Any]], _Switch]) -> _Switch:
    registry = JWTClaimsRegistry(
        leeway=0,
        iss={"essential": True, "value": LINK_ISSUER},
        aud={"essential": True, "value": purpose},
        sub={"essential": True},
        exp={"essential": True},
    )
    try:
        parsed = jwt.decode(token, keys, algorithms=[LINK_ALGORITHM])
        registry.validate(parsed.claims)
        if parsed.header.get("typ") != LINK_TYPE:
            raise LinkInvalidError("This is no link of ours.")
        return parse(parsed.claims)
    except (JoseError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise LinkInvalidError("The link is not valid or has expired; use the one in a newer mail.") from error


def _email_switch(claims: Mapping[str, Any]) -> EmailSwitch:
    modes = {NotificationType(type): Mode(mode) for type, mode in claims["modes"].items()}
    return EmailSwitch(PersonId(UUID(claims["sub"])), modes)


def _report_mail_switch(claims: Mapping[str, Any]) -> ReportMailSwitch:
    return ReportMailSwitch(
        PersonId(UUID(claims["sub"])), ReportMailId(UUID(claims["mail"])), gets=_GETS[claims["does"]]
    )
