"""The keys of tokens: they rotate while the desk runs, and nobody is signed out by it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from api.credentials.signed_links import SignedLinks
from api.credentials.token_keys import KEEP_RETIRED, KeyRing, load_or_make_key, load_or_make_keys, rotate_keys
from api.credentials.tokens import ALGORITHM, AccessTokens
from database.credentials import CredentialId
from domain.account_mail import AccountMailKind, AccountMailRequest, LinkPurpose
from domain.errors import UnauthenticatedError
from domain.ids import AccountMailId, PersonId
from integrations.signed_links import LinkMaker
from tests.api.desk_api import ApiDesk

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
PERSON, SESSION = PersonId(uuid4()), CredentialId("session", uuid4())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "token-key.json"


def tokens(path: Path, clock: Callable[[], float] = lambda: 0.0) -> AccessTokens:
    return AccessTokens(KeyRing(path, clock), timedelta(minutes=1))


def test_a_key_is_made_once_and_is_its_owners_only(path: Path) -> None:
    assert load_or_make_key(path).kid == load_or_make_key(path).kid
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_with_one_key_is_read_as_ever(path: Path) -> None:
    path.parent.mkdir()
    key = OKPKey.generate_key("Ed25519")
    path.write_text(json.dumps(key.as_dict(private=True)))

    assert load_or_make_key(path).thumbprint() == key.thumbprint()


@pytest.mark.parametrize(
    "content",
    [
        '{"keys": []}',
        '{"keys": [{}]}',
        "{}",
        "[]",
        "7",
        pytest.param(json.dumps(OctKey.generate_key(256).as_dict(private=True)), id="of another kind"),
        pytest.param(json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)), id="public"),
        "no json",
    ],
)
def test_another_file_is_refused(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)

    with pytest.raises(ValueError):  # noqa: PT011  each says its own
        load_or_make_keys(path)


def test_after_a_rotation_the_new_key_signs_and_all_verify(path: Path) -> None:
    before = tokens(path).make(PERSON, SESSION)
    old = load_or_make_key(path)

    new = rotate_keys(path, NOW)[0]

    assert new.kid != old.kid
    after = tokens(path).make(PERSON, SESSION)
    assert jwt.decode(after, new, algorithms=[ALGORITHM]).header["kid"] == new.kid
    assert [tokens(path).check(token)[0] for token in (before, after)] == [SESSION, SESSION]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_running_process_follows(path: Path) -> None:
    clock = Clock()
    running = tokens(path, clock)
    before = running.make(PERSON, SESSION)
    rotate_keys(path, NOW)

    assert running.check(tokens(path).make(PERSON, SESSION))[0] == SESSION, "at once, when it meets the new key"
    clock.now = 1.5
    assert running.make(PERSON, SESSION).partition(".")[0] != before.partition(".")[0]
    assert running.check(before)[0] == SESSION


def test_a_broken_file_leaves_the_keys_as_they_are(path: Path) -> None:
    clock = Clock()
    running = tokens(path, clock)
    token = running.make(PERSON, SESSION)
    path.write_text("half a fi")
    clock.now = 5.0

    assert running.check(token)[0] == SESSION
    with pytest.raises(UnauthenticatedError):
        running.check(token.replace(token.partition(".")[0], "e30"))


def test_a_retired_key_is_dropped_after_a_month(path: Path) -> None:
    first = load_or_make_key(path)
    rotate_keys(path, NOW)
    assert first.kid in {key.kid for key in rotate_keys(path, NOW + KEEP_RETIRED - timedelta(seconds=1))}

    left = rotate_keys(path, NOW + KEEP_RETIRED)

    assert first.kid not in {key.kid for key in left}
    assert len(left) == 3


def test_a_link_outlives_a_rotation(path: Path) -> None:
    person = AccountMailRequest(AccountMailId(uuid4()), AccountMailKind.VERIFY_EMAIL, NOW, PERSON, "a@example.com", 0)
    token = LinkMaker(load_or_make_key(path), "http://desk").token(LinkPurpose.VERIFY_EMAIL, person, datetime.now(UTC))
    rotate_keys(path, NOW)

    assert SignedLinks(KeyRing(path).current().verifying).check(LinkPurpose.VERIFY_EMAIL, token).person == PERSON


async def test_others_get_the_public_keys_and_nothing_else(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    answer = await nobody.get("/.well-known/jwks.json")

    assert answer.status_code == 200
    (key,) = answer.json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}
    keys = KeySet.import_key_set(answer.json())
    claims = jwt.decode(api.token("agent"), keys, algorithms=[ALGORITHM]).claims
    assert claims["sub"] == str(api.people["agent"].id)
