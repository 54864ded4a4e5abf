"""A link in a mail turns its own mails off and on for 30 days, and is good for nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from api.signed_links import SignedLinks
from api.token_keys import KeyRing, rotate_keys
from api.tokens import AccessTokens
from domain.account_mail import LinkPurpose
from domain.email_switch import SWITCH_LIFETIME, EmailSwitch, switched_off
from domain.errors import LinkInvalidError, UnauthenticatedError
from domain.notification import Mode, NotificationType
from integrations.unsubscribe_links import UnsubscribeLinks
from tests.factories import REQUESTER

KEY = OKPKey.generate_key("Ed25519")
LINKS = UnsubscribeLinks(lambda: (KEY, KeySet([KEY])), "https://desk.example.com/")
T = NotificationType
OFF = switched_off(REQUESTER, (T.REPLIED, T.DIGEST))
BACK = EmailSwitch(REQUESTER, {T.REPLIED: Mode.IF_UNREAD, T.DIGEST: Mode.DAILY})


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("switch", [OFF, BACK, switched_off(REQUESTER, tuple(T))])
def test_a_link_says_again_what_it_was_made_for(switch: EmailSwitch) -> None:
    page, _, token = LINKS.address(switch, now()).partition("?token=")
    assert page == "https://desk.example.com/api/notifications/unsubscribe"
    assert LINKS.check(token) == switch
    assert len(token) < 2000


def test_it_is_good_for_thirty_days() -> None:
    made_at = now() - SWITCH_LIFETIME
    assert timedelta(days=30) <= SWITCH_LIFETIME
    LINKS.check(LINKS.token(OFF, made_at + timedelta(minutes=1)))
    with pytest.raises(LinkInvalidError):
        LINKS.check(LINKS.token(OFF, made_at - timedelta(seconds=2)))


def test_it_outlives_a_change_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "token-key.json"
    links = UnsubscribeLinks(KeyRing(path).current, "https://desk.example.com")
    before = links.token(OFF, now())
    rotate_keys(path, now())
    fresh = UnsubscribeLinks(KeyRing(path).current, "https://desk.example.com")
    assert fresh.check(before) == OFF
    assert fresh.token(OFF, now()).split(".")[0] != before.split(".")[0]


def test_it_signs_nobody_in_and_no_other_token_is_one(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "token-key.json")
    links = UnsubscribeLinks(ring.current, "https://desk.example.com")
    token = links.token(OFF, now())
    with pytest.raises(UnauthenticatedError):
        AccessTokens(ring, timedelta(hours=1)).check(token)
    for purpose in LinkPurpose:
        with pytest.raises(LinkInvalidError):
            SignedLinks(ring.current().verifying).check(purpose, token)


def forged(key: OKPKey = KEY, type: str = "link+jwt", **changes: Any) -> str:
    claims = jwt.decode(LINKS.token(OFF, now()), KEY, algorithms=["Ed25519"]).claims
    changed = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode({"alg": "Ed25519", "typ": type}, changed, key, algorithms=["Ed25519"])


def test_a_token_that_says_all_is_one() -> None:
    assert LINKS.check(forged()) == OFF


FORGERIES = {
    "another key": forged(OKPKey.generate_key("Ed25519")),
    "another type": forged(type="at+jwt"),
    "another purpose": forged(aud="verify-email"),
    "another issuer": forged(iss="elsewhere"),
    "no end": forged(exp=None),
    "no account": forged(sub=None),
    "an account that is none": forged(sub="rita"),
    "no modes": forged(modes=None),
    "modes that are none": forged(modes={"replied": "loud"}),
    "types that are none": forged(modes={"everything": "off"}),
    "a list": forged(modes=["replied"]),
    "changed by hand": ".".join([*LINKS.token(OFF, now()).split(".")[:2], "AAAA"]),
    "nothing": "",
    "no token": "a.b.c",
    "other letters": "ü.ü.ü",
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(LinkInvalidError):
        LINKS.check(token)
