"""Which identity providers there are, from the file that `OIDC_PROVIDERS_FILE` names (TOML, or JSON)."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from domain.identity import ClaimRules
from domain.ticket import Slug

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
WELL_KNOWN = "/.well-known/openid-configuration"


class ProviderFileError(Exception):
    """The file of the identity providers cannot be used. The sentence says where and why."""


class ProviderSettings(BaseModel):
    """One provider, as the operator sets it up."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    slug: Slug
    """Part of its addresses, and of its identities for ever."""
    name: Annotated[str, Field(min_length=1, max_length=100)]
    issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    """Exactly as the provider writes it."""
    discovery_url: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    """Where it describes itself, when that is not at the usual place below the issuer."""
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    claims: ClaimRules = ClaimRules()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("client_secret and client_secret_file: only one of them")
        if "openid" not in self.scopes:
            raise ValueError("scopes: `openid` has to be among them")
        for address in (self.issuer, self.discovery):
            parts = urlsplit(address)
            if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
                raise ValueError(f"{address}: a provider elsewhere is spoken to by https only")
        for values, claim, names in (
            (self.claims.roles, self.claims.roles_claim, ("roles", "roles_claim")),
            (self.claims.teams, self.claims.teams_claim, ("teams", "teams_claim")),
            (self.claims.organisations, self.claims.organisation_claim, ("organisations", "organisation_claim")),
        ):
            if bool(values) != (claim is not None):
                raise ValueError(f"claims: {names[0]} and {names[1]} need each other")
        if self.client_secret_file is not None and not self.client_secret_file.is_file():
            raise ValueError(f"client_secret_file: there is no {self.client_secret_file}")
        return self

    @property
    def discovery(self) -> str:
        return self.discovery_url or self.issuer.rstrip("/") + WELL_KNOWN

    @property
    def secret(self) -> str | None:
        """None: a public client, which PKCE alone protects."""
        if self.client_secret_file is not None:
            return self.client_secret_file.read_text().strip()
        return self.client_secret.get_secret_value() if self.client_secret is not None else None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    providers: tuple[ProviderSettings, ...]


def read_providers(path: Path | None) -> tuple[ProviderSettings, ...]:
    """The providers in the file, in its order; none without a file. Raises ProviderFileError."""
    if path is None:
        return ()
    try:
        providers = _File.model_validate(_parsed(path)).providers
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors())
        raise ProviderFileError(f"OIDC_PROVIDERS_FILE {path}: {found}.") from error
    except OSError as error:
        raise ProviderFileError(f"OIDC_PROVIDERS_FILE {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # of JSON, TOML or the encoding
        raise ProviderFileError(f"OIDC_PROVIDERS_FILE {path} is neither TOML nor JSON: {error}.") from error
    slugs = [provider.slug for provider in providers]
    if len(set(slugs)) < len(slugs):
        raise ProviderFileError(f"OIDC_PROVIDERS_FILE {path}: two providers have the same slug.")
    return providers


def _parsed(path: Path) -> Any:
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
