"""Checks the links that mails about accounts carry. The worker makes them (`integrations/signed_links.py`)."""

from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from joserfc.jwt import JWTClaimsRegistry

from domain.account_mail import LINK_ALGORITHM, LINK_ISSUER, LINK_TYPE, LinkPurpose, SignedLink
from domain.errors import LinkInvalidError
from domain.ids import PersonId


class SignedLinks:
    """Checks signature, purpose and age. Whether the account has moved on since is for `check_mark` of the domain, with
    the account's row locked."""

    def __init__(self, key: OKPKey | KeySet) -> None:
        self._key = key

    def check(self, purpose: LinkPurpose, token: str) -> SignedLink:
        """What the link says. Raises LinkInvalidError for anything but a link of ours for this purpose."""
        claims = JWTClaimsRegistry(
            leeway=0,
            iss={"essential": True, "value": LINK_ISSUER},
            aud={"essential": True, "value": purpose.value},
            sub={"essential": True},
            exp={"essential": True},
            ver={"essential": True},
        )
        try:
            parsed = jwt.decode(token, self._key, algorithms=[LINK_ALGORITHM])
            claims.validate(parsed.claims)
            if parsed.header.get("typ") != LINK_TYPE:
                raise LinkInvalidError("This is no link of ours.")
            return SignedLink(PersonId(UUID(parsed.claims["sub"])), str(parsed.claims["ver"]))
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise LinkInvalidError("The link is not valid or has expired; ask for a new one.") from error
