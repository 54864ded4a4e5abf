"""Every kind of mail says what it is for, to an account's address, with the link that belongs to it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from api.credentials.signed_links import SignedLinks
from api.credentials.token_keys import KeyRing
from api.credentials.tokens import AccessTokens
from database.credentials import CredentialId
from domain.account_mail import (
    LINK_LIFETIME,
    LINK_OF,
    AccountMailKind,
    AccountMailRequest,
    LinkPurpose,
    check_mark,
)
from domain.errors import LinkInvalidError, UnauthenticatedError
from domain.ids import AccountMailId
from integrations.account_mail_texts import SUBJECTS, AccountMailWriter
from integrations.signed_links import LinkMaker
from tests.factories import REQUESTER

KEY = OKPKey.generate_key("Ed25519")
LINKS = LinkMaker(KEY, "https://desk.example.com/")
CHECKS = SignedLinks(KEY)
VERIFY, RESET = LinkPurpose.VERIFY_EMAIL, LinkPurpose.RESET_PASSWORD
ID = AccountMailId(UUID(int=7))
ASKED_AT = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
LINK = re.compile(r"https://desk\.example\.com/account/([a-z-]+)#token=([\w.-]+)")


def request(
    kind: AccountMailKind = AccountMailKind.VERIFY_EMAIL, email: str = "rita@example.com"
) -> AccountMailRequest:
    return AccountMailRequest(ID, kind, ASKED_AT, REQUESTER, email, 3)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("kind", AccountMailKind)
def test_a_mail_goes_to_the_address_and_says_so_in_both_parts(kind: AccountMailKind) -> None:
    mail = AccountMailWriter(LINKS).write(request(kind), now())
    assert (mail.id, mail.address, mail.name, mail.subject) == (
        f"account-mail-{ID}", "rita@example.com", "", SUBJECTS[kind],
    )  # fmt: skip
    for part in (mail.text, mail.html):
        assert "rita@example.com" in part
        assert mail.subject in part
        assert "{{" not in part


@pytest.mark.parametrize("kind", AccountMailKind)
def test_its_link_opens_the_account_for_its_purpose_and_others_carry_none(kind: AccountMailKind) -> None:
    mail = AccountMailWriter(LINKS).write(request(kind), now())
    in_text, in_html = set(LINK.findall(mail.text)), set(LINK.findall(mail.html))
    assert in_text == in_html
    purpose = LINK_OF[kind]
    if purpose is None:
        assert "http" not in mail.text + mail.html
        return
    ((page, token),) = in_text
    assert page == purpose
    link = CHECKS.check(purpose, token)
    assert link.person == REQUESTER
    check_mark(link, purpose, "rita@example.com", 3)


@pytest.mark.parametrize("kind", AccountMailKind)
def test_an_address_writes_no_html(kind: AccountMailKind) -> None:
    mail = AccountMailWriter(LINKS).write(request(kind, "<b>&'x@example.com"), now())
    assert "<b>" not in mail.html
    assert "&lt;b&gt;&amp;&#39;x@example.com" in mail.html
    assert "<b>&'x@example.com" in mail.text


def test_a_link_says_in_words_how_long_it_is_good_for() -> None:
    words = {kind: AccountMailWriter(LINKS).write(request(kind), now()).text for kind in AccountMailKind}
    assert "good for 3 days" in words[AccountMailKind.VERIFY_EMAIL]
    assert "good for 1 hour," in words[AccountMailKind.RESET_PASSWORD]


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_ends_in_time_and_not_before(purpose: LinkPurpose) -> None:
    made_at = now() - LINK_LIFETIME[purpose]
    CHECKS.check(purpose, LINKS.token(purpose, request(), made_at + timedelta(minutes=1)))
    with pytest.raises(LinkInvalidError):
        CHECKS.check(purpose, LINKS.token(purpose, request(), made_at - timedelta(seconds=2)))


def test_a_link_is_good_for_its_purpose_only() -> None:
    with pytest.raises(LinkInvalidError):
        CHECKS.check(RESET, LINKS.token(VERIFY, request(), now()))


def test_a_link_is_no_access_token_and_an_access_token_is_no_link(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(KEY.as_dict(private=True)))
    tokens = AccessTokens(KeyRing(file), timedelta(hours=1))
    with pytest.raises(UnauthenticatedError):
        tokens.check(LINKS.token(VERIFY, request(), now()))
    for purpose in LinkPurpose:
        with pytest.raises(LinkInvalidError):
            CHECKS.check(purpose, tokens.make(REQUESTER, CredentialId("session", uuid4())))


def forged(key: OKPKey | OctKey = KEY, algorithm: str = "Ed25519", type: str = "link+jwt", **changes: object) -> str:
    claims = jwt.decode(LINKS.token(VERIFY, request(), now()), KEY, algorithms=["Ed25519"]).claims
    changed = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode({"alg": algorithm, "typ": type}, changed, key, algorithms=[algorithm])


def test_a_token_that_says_all_is_one() -> None:
    assert CHECKS.check(VERIFY, forged()).person == REQUESTER


FORGERIES = {
    "another key": forged(OKPKey.generate_key("Ed25519")),
    "a shared secret": forged(OctKey.generate_key(256), "HS256"),
    "another type": forged(type="at+jwt"),
    "another issuer": forged(iss="elsewhere"),
    "no end": forged(exp=None),
    "an end that is none": forged(exp="soon"),
    "no account": forged(sub=None),
    "an account that is none": forged(sub="rita"),
    "a number for an account": forged(sub=7),
    "no mark": forged(ver=None),
    "no signature": forged().rpartition(".")[0] + ".",
    "nothing": "",
    "no token": "a.b.c",
    "other letters": "ü.ü.ü",
    "no algorithm": "eyJhbGciOiJub25lIiwidHlwIjoibGluaytqd3QifQ." + forged().split(".")[1] + ".",
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(LinkInvalidError):
        CHECKS.check(VERIFY, token)


def test_a_link_names_its_key_so_that_keys_can_be_changed() -> None:
    other = OKPKey.generate_key("Ed25519")
    for key in (KEY, other):
        key.ensure_kid()
    token = LINKS.token(VERIFY, request(), now())
    assert SignedLinks(KeySet([other, KEY])).check(VERIFY, token).person == REQUESTER
    with pytest.raises(LinkInvalidError):
        SignedLinks(KeySet([other])).check(VERIFY, token)
