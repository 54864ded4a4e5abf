"""The links that end mails about notifications, and bring them back. Who has one needs no sign-in: it says whose mails
of which types, and it can do nothing else."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from joserfc.jwt import JWTClaimsRegistry

from domain.account_mail import LINK_ALGORITHM, LINK_ISSUER, LINK_TYPE
from domain.email_switch import SWITCH_LIFETIME, EmailSwitch
from domain.errors import LinkInvalidError
from domain.ids import PersonId
from domain.notification import Mode, NotificationType

PURPOSE = "email-switch"
PATH = "/api/notifications/unsubscribe"
Keys = Callable[[], tuple[OKPKey, KeySet]]
"""The key that signs now, and all that verify."""


class UnsubscribeLinks:
    """Makes and checks them, with the keys that also sign access tokens."""

    def __init__(self, keys: Keys, public_url: str) -> None:
        self._keys = keys
        self._public_url = public_url.rstrip("/")

    def address(self, switch: EmailSwitch, now: datetime) -> str:
        """A page with a button. To post to the address is to press it (RFC 8058), so that mail programs can."""
        return f"{self._public_url}{PATH}?token={self.token(switch, now)}"

    def token(self, switch: EmailSwitch, now: datetime) -> str:
        """What the link proves: its holder reads the mails of this person."""
        key = self._keys()[0]
        claims = {
            "iss": LINK_ISSUER,
            "aud": PURPOSE,
            "sub": str(switch.person),
            "iat": int(now.timestamp()),
            "exp": int((now + SWITCH_LIFETIME).timestamp()),
            "modes": {type.value: mode.value for type, mode in switch.modes.items()},
        }
        header = {"alg": LINK_ALGORITHM, "typ": LINK_TYPE, "kid": key.thumbprint()}
        return jwt.encode(header, claims, key, algorithms=[LINK_ALGORITHM])

    def check(self, token: str) -> EmailSwitch:
        """What the link does. Raises LinkInvalidError for anything but a link of ours of the last 30 days."""
        registry = JWTClaimsRegistry(
            leeway=0,
            iss={"essential": True, "value": LINK_ISSUER},
            aud={"essential": True, "value": PURPOSE},
            sub={"essential": True},
            exp={"essential": True},
            modes={"essential": True},
        )
        try:
            parsed = jwt.decode(token, self._keys()[1], algorithms=[LINK_ALGORITHM])
            registry.validate(parsed.claims)
            if parsed.header.get("typ") != LINK_TYPE:
                raise LinkInvalidError("This is no link of ours.")
            modes = {NotificationType(type): Mode(mode) for type, mode in parsed.claims["modes"].items()}
            return EmailSwitch(PersonId(UUID(parsed.claims["sub"])), modes)
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise LinkInvalidError("The link is not valid or has expired; use the one in a newer mail.") from error
