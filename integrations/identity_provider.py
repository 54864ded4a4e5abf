"""An identity provider that speaks OpenID Connect: Keycloak, Entra ID, Okta, Google, Authentik and whoever else does.

    begin ──▶ the address to send the browser to, and what to remember until it comes back
    finish ─▶ the claims, once the code was exchanged and the ID token checked
    logout ─▶ the address at which the browser ends the provider's own session

The protocol is authlib's: its client speaks to the token endpoint, its claims class checks the ID token. Its adapter
for web frameworks is not used: that one keeps a sign-in's state in a signed cookie, which can be replayed, and takes
every name in the provider's metadata for an argument of its client. Nothing is asked of a provider before somebody
signs in, and what it says about itself is asked anew every hour and after each failure, so it may be down at our start.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple, cast
from urllib.parse import urlencode

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.errors import ProviderAnswerError, ProviderDownError
from integrations.provider_settings import ProviderSettings

log = logging.getLogger(__name__)

METADATA_LIFETIME = timedelta(hours=1)
FAILURE_LIFETIME = timedelta(seconds=2)
"""How long a provider that failed is not asked again: whoever waits meanwhile need not wait for it one by one."""
CLOCK_SKEW_SECONDS = 60
SIGNATURES = frozenset(
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
)
"""What an ID token may be signed with: a key that only the provider has. Never `none`, never a shared secret."""
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])

Endpoint = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]


class Metadata(BaseModel):
    """What a provider says about itself (OpenID Connect Discovery 1.0), as far as we ask."""

    model_config = ConfigDict(frozen=True)
    issuer: str
    authorization_endpoint: Endpoint
    token_endpoint: Endpoint
    jwks_uri: Endpoint
    userinfo_endpoint: Endpoint | None = None
    end_session_endpoint: Endpoint | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Begun(NamedTuple):
    """A sign-in that waits for the browser to come back."""

    state: str
    nonce: str
    code_verifier: str


class IdentityProvider:
    """One provider. Keeps what it says about itself for an hour."""

    def __init__(
        self, settings: ProviderSettings, transport: httpx2.AsyncBaseTransport, clock: Callable[[], datetime]
    ) -> None:
        self.settings = settings
        self._transport = transport
        self._clock = clock
        self._lock = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._read_at: datetime | None = None
        self._failed_at: datetime | None = None

    async def begin(self, redirect_uri: str) -> tuple[str, Begun]:
        """Where to send the browser. Raises ProviderDownError."""
        metadata = await self._describe()
        begun = Begun(generate_token(43), generate_token(43), generate_token(64))
        client = self._client(metadata, redirect_uri)
        url, _ = client.create_authorization_url(
            metadata.authorization_endpoint,
            state=begun.state,
            code_verifier=begun.code_verifier,
            nonce=begun.nonce,
        )
        return url, begun

    async def finish(self, begun: Begun, code: str, redirect_uri: str) -> Mapping[str, Any]:
        """Exchange the code, check the ID token, and add what the userinfo endpoint says.

        Raises ProviderDownError, and ProviderAnswerError for whatever proves nothing.
        """
        metadata = await self._describe()
        client = self._client(metadata, redirect_uri)
        with self._faults():
            tokens = await client.fetch_token(
                metadata.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=begun.code_verifier,
            )
        claims = await self._check(metadata, dict(tokens), begun.nonce)
        if metadata.userinfo_endpoint is None or "access_token" not in tokens:
            return claims
        said = await self._get(
            metadata.userinfo_endpoint, headers={"Authorization": f"Bearer {tokens['access_token']}"}
        )
        if said.get("sub") != claims["sub"]:
            raise ProviderAnswerError("The provider speaks of two different people.")
        return {**said, **claims}

    async def logout(self, post_logout_redirect_uri: str) -> str | None:
        """Where the browser ends its session at the provider; None: the provider has no such place.

        Raises ProviderDownError.
        """
        metadata = await self._describe()
        if metadata.end_session_endpoint is None:
            return None
        asked = {"client_id": self.settings.client_id, "post_logout_redirect_uri": post_logout_redirect_uri}
        joint = "&" if "?" in metadata.end_session_endpoint else "?"
        return f"{metadata.end_session_endpoint}{joint}{urlencode(asked)}"

    def _client(self, metadata: Metadata, redirect_uri: str) -> AsyncOAuth2Client:
        secret = self.settings.secret
        methods = metadata.token_endpoint_auth_methods_supported
        by_body = "client_secret_basic" not in methods and "client_secret_post" in methods
        return AsyncOAuth2Client(
            client_id=self.settings.client_id,
            client_secret=secret,
            token_endpoint_auth_method=None if secret is None or not by_body else "client_secret_post",
            scope=" ".join(self.settings.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            transport=self._transport,
            trust_env=False,
        )

    async def _describe(self) -> Metadata:
        """Raises ProviderDownError for a provider that does not answer, or is another one than it should be."""
        async with self._lock:
            now = self._clock()
            if self._metadata is not None and self._read_at is not None and now - self._read_at < METADATA_LIFETIME:
                return self._metadata
            if self._failed_at is not None and now - self._failed_at < FAILURE_LIFETIME:
                raise ProviderDownError("The identity provider does not answer. Try again later.")
            try:
                metadata = await self._read_metadata()
            except ProviderDownError:
                self._failed_at = self._clock()
                raise
            self._metadata, self._keys, self._read_at = metadata, None, now
            return metadata

    async def _read_metadata(self) -> Metadata:
        said = await self._get(self.settings.discovery)
        try:
            metadata = Metadata.model_validate(said)
        except ValidationError as error:
            log.warning("identity provider %s: its metadata: %d faults", self.settings.slug, error.error_count())
            raise ProviderDownError("The identity provider does not answer as one. Try again later.") from error
        if metadata.issuer != self.settings.issuer:
            log.error("identity provider %s says that it is %r", self.settings.slug, metadata.issuer)
            raise ProviderDownError("The identity provider is set up wrongly. Tell an admin.")
        return metadata

    async def _check(self, metadata: Metadata, tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
        if not isinstance(tokens.get("id_token"), str):
            raise ProviderAnswerError("The provider sent no ID token.")
        algorithms = sorted(SIGNATURES.intersection(metadata.id_token_signing_alg_values_supported))
        registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
        with self._faults():
            try:
                token = jwt.decode(tokens["id_token"], await self._key_set(metadata), registry=registry)
            except InvalidKeyIdError:  # the provider may have changed its keys
                self._keys = None
                token = jwt.decode(tokens["id_token"], await self._key_set(metadata), registry=registry)
            options = {
                "iss": {"essential": True, "value": metadata.issuer},
                "aud": {"essential": True, "value": self.settings.client_id},
            }
            asked = {
                "nonce": nonce,
                "client_id": self.settings.client_id,
                "access_token": tokens.get("access_token"),
            }
            claims = CodeIDToken(token.claims, token.header, options, asked)
            claims.validate(leeway=CLOCK_SKEW_SECONDS)
        return dict(token.claims)

    async def _key_set(self, metadata: Metadata) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(cast(Any, await self._get(metadata.jwks_uri)))
        return self._keys

    async def _get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        client = httpx2.AsyncClient(transport=self._transport, trust_env=False, follow_redirects=False)
        with self._faults():
            answer = await client.get(url, headers={"Accept": "application/json", **(headers or {})})
            answer.raise_for_status()
        try:
            return _OBJECT.validate_json(answer.content)
        except ValidationError as error:
            log.warning("identity provider %s: %s is no JSON object", self.settings.slug, url)
            raise ProviderDownError("The identity provider does not answer as one. Try again later.") from error

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Whatever goes wrong with a provider is one of two refusals; the log has the reason, but no token."""
        slug = self.settings.slug
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            log.warning("identity provider %s: %r", slug, error)
            raise ProviderDownError("The identity provider does not answer. Try again later.") from error
        except (OAuthError, JoseError) as error:
            log.warning("identity provider %s: %s", slug, error)
            raise ProviderAnswerError("What the identity provider answered proves nothing. Sign in again.") from error
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:  # JSON of another shape
            log.warning("identity provider %s: answered with %s", slug, type(error).__name__)
            raise ProviderAnswerError("What the identity provider answered proves nothing. Sign in again.") from error
