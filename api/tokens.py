"""Access tokens: short-lived JWTs signed with Ed25519. They say who, never what one may: that is read at each use."""

import contextlib
import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jwt import JWTClaimsRegistry

from database.credentials import CredentialId
from domain.errors import UnauthenticatedError
from domain.ids import PersonId

ISSUER = "smart-ticketing"
CHECKED_TOKENS = 10_000
ALGORITHM = "Ed25519"
TOKEN_TYPE = "at+jwt"  # noqa: S105  a kind of token, none itself


def load_or_make_key(path: Path) -> OKPKey:
    """The signing key in the file; made there, readable by its owner only, when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = OKPKey.generate_key("Ed25519")
        # Whole or not at all, for another process may look at the same moment; the quicker one's key counts.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:  # made with mode 0600
            json.dump(key.as_dict(private=True), file)
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return OKPKey.import_key(json.loads(path.read_text()))


class AccessTokens:
    """Makes and checks access tokens."""

    def __init__(self, key: OKPKey, lifetime: timedelta) -> None:
        self._key = key
        self.lifetime = lifetime
        self._verified = lru_cache(maxsize=CHECKED_TOKENS)(self._verify)
        """A signature that was right stays right; checking it costs a tenth of a request."""
        self._claims = JWTClaimsRegistry(
            leeway=0,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": ISSUER},
            sub={"essential": True},
            sid={"essential": True},
            exp={"essential": True},
        )

    def make(self, person: PersonId, credential: CredentialId) -> str:
        """A token of somebody who signed in with this credential, and good for no longer than that is."""
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": str(person),
            "sid": str(credential),
            "iat": int(now.timestamp()),
            "exp": int((now + self.lifetime).timestamp()),
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TOKEN_TYPE}, claims, self._key, algorithms=[ALGORITHM])

    def check(self, token: str) -> tuple[CredentialId, datetime]:
        """By which credential the token was got, and when it ends.

        Raises UnauthenticatedError for anything but a valid one of ours.
        """
        credential, until = self._verified(token)
        if until <= datetime.now(UTC):
            raise UnauthenticatedError("The access token has expired; sign in again.")
        return credential, until

    def _verify(self, token: str) -> tuple[CredentialId, datetime]:
        try:
            parsed = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            self._claims.validate(parsed.claims)
            if parsed.header.get("typ") != TOKEN_TYPE:
                raise UnauthenticatedError("This is no access token.")
            return CredentialId.parse(parsed.claims["sid"]), datetime.fromtimestamp(parsed.claims["exp"], UTC)
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise UnauthenticatedError("The access token is not valid or has expired; sign in again.") from error
