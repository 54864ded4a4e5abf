"""Makes the links that mails about accounts carry. The API checks them (`api/credentials/signed_links.py`)."""

from datetime import datetime

from joserfc import jwt
from joserfc.jwk import OKPKey

from domain.account_mail import (
    LINK_ALGORITHM,
    LINK_ISSUER,
    LINK_LIFETIME,
    LINK_TYPE,
    AccountMailRequest,
    LinkPurpose,
    account_mark,
)


class LinkMaker:
    """Links to the pages below an address. The token stands behind a `#`: browsers keep that part to themselves, so it
    is in no server's log and in no `Referer`."""

    def __init__(self, key: OKPKey, public_url: str) -> None:
        self._key = key
        self._public_url = public_url.rstrip("/")

    def make(self, purpose: LinkPurpose, request: AccountMailRequest, now: datetime) -> str:
        return f"{self._public_url}/account/{purpose.value}#token={self.token(purpose, request, now)}"

    def token(self, purpose: LinkPurpose, request: AccountMailRequest, now: datetime) -> str:
        """What the link proves: its holder reads the mail of this person, whose account stood like this."""
        claims = {
            "iss": LINK_ISSUER,
            "aud": purpose.value,
            "sub": str(request.person),
            "iat": int(now.timestamp()),
            "exp": int((now + LINK_LIFETIME[purpose]).timestamp()),
            "ver": account_mark(purpose, request.email, request.credential_version),
        }
        header = {"alg": LINK_ALGORITHM, "typ": LINK_TYPE, "kid": self._key.thumbprint()}
        return jwt.encode(header, claims, self._key, algorithms=[LINK_ALGORITHM])
