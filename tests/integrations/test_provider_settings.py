"""The file of the identity providers."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.people import Role
from integrations.provider_settings import ProviderFileError, read_providers
from settings import ROOT

CORP = {"slug": "corp", "name": "Corp", "issuer": "https://id.example.org/realms/corp/", "client_id": "desk"}


def written(folder: Path, *providers: dict[str, Any]) -> Path:
    file = folder / "providers.json"
    file.write_text(json.dumps({"providers": providers}))
    return file


def test_without_a_file_there_are_none() -> None:
    assert read_providers(None) == ()


def test_the_document_shows_a_file_that_is_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "oidc.md").read_text().split("```toml\n")[1].split("```")[0]
    (tmp_path / "secret").write_text("hidden\n")
    file = tmp_path / "providers.toml"
    file.write_text(text.replace("/run/secrets/corp_client_secret", str(tmp_path / "secret")))

    first, *others = read_providers(file)

    assert first.secret == "hidden"
    assert first.claims.roles["desk-admins"] is Role.ADMIN
    assert others


def test_where_a_provider_describes_itself(tmp_path: Path) -> None:
    (one,) = read_providers(written(tmp_path, CORP))
    (other,) = read_providers(written(tmp_path, CORP | {"discovery_url": "https://id.example.org/about"}))

    assert one.discovery == "https://id.example.org/realms/corp/.well-known/openid-configuration"
    assert other.discovery == "https://id.example.org/about"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"slug": "Corp!"}, "providers.0.slug"),
        ({"client_id": ""}, "providers.0.client_id"),
        ({"issuer": "id.example.org"}, "providers.0.issuer"),
        ({"issuer": "http://id.example.org"}, "by https only"),
        ({"scopes": ["email"]}, "`openid` has to be among them"),
        ({"client_secret": "planted-secret", "client_secret_file": "/nowhere"}, "only one of them"),
        ({"client_secret_file": "/nowhere/secret"}, "there is no /nowhere/secret"),
        ({"claims": {"roles": {"x": "agent"}}}, "roles and roles_claim need each other"),
        ({"claims": {"teams_claim": "groups"}}, "teams and teams_claim need each other"),
        ({"claims": {"roles_claim": "groups", "roles": {"x": "king"}}}, "providers.0.claims.roles.x"),
        ({"colour": "red"}, "providers.0.colour"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ProviderFileError) as refusal:
        read_providers(written(tmp_path, CORP | changes))

    assert sentence in str(refusal.value)
    assert "planted-secret" not in str(refusal.value)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "providers.toml"
    broken.write_text("providers = [")

    for file, sentence in ((broken, "neither TOML nor JSON"), (tmp_path / "nothing.toml", "cannot be read")):
        with pytest.raises(ProviderFileError, match=sentence):
            read_providers(file)
    with pytest.raises(ProviderFileError, match="same slug"):
        read_providers(written(tmp_path, CORP, CORP))
