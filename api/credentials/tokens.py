"""Access tokens: short-lived JWTs signed with Ed25519. They say who, never what one may: that is read at each use."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import GuestProtocol, OKPKey
from joserfc.jwt import JWTClaimsRegistry

from api.credentials.token_keys import KeyRing
from database.credentials import CredentialId
from domain.errors import UnauthenticatedError
from domain.ids import PersonId

ISSUER = "smart-ticketing"
CHECKED_TOKENS = 10_000
ALGORITHM = "Ed25519"
TOKEN_TYPE = "at+jwt"  # noqa: S105  a kind of token, none itself


class AccessTokens:
    """Makes and checks access tokens."""

    def __init__(self, keys: KeyRing, lifetime: timedelta) -> None:
        self._keys = keys
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
        key = self._keys.current().signing
        header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

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
            parsed = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
            self._claims.validate(parsed.claims)
            if parsed.header.get("typ") != TOKEN_TYPE:
                raise UnauthenticatedError("This is no access token.")
            return CredentialId.parse(parsed.claims["sid"]), datetime.fromtimestamp(parsed.claims["exp"], UTC)
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise UnauthenticatedError("The access token is not valid or has expired; sign in again.") from error

    def _key_of(self, token: GuestProtocol) -> OKPKey:
        """The key that a token names. Raises InvalidKeyIdError, which is a JoseError."""
        kid = token.headers().get("kid")
        key = self._keys.current().find(kid) or self._keys.look().find(kid)
        if key is None:
            raise InvalidKeyIdError("none of our keys")
        return key
