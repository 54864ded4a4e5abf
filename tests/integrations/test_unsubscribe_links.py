"""A link in a mail turns its own mails (notices, or a report) off and on for 30 days, and is good for nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from api.credentials.signed_links import SignedLinks
from api.credentials.token_keys import KeyRing, rotate_keys
from api.credentials.tokens import AccessTokens
from domain.account_mail import LinkPurpose
from domain.email_switch import SWITCH_LIFETIME, EmailSwitch, switched_off
from domain.errors import LinkInvalidError, UnauthenticatedError
from domain.ids import ReportMailId
from domain.notification import Mode, NotificationType
from domain.report_mail_switch import ReportMailSwitch
from integrations.unsubscribe_links import ReportMailLinks, UnsubscribeLinks
from tests.factories import REQUESTER

KEY = OKPKey.generate_key("Ed25519")
LINKS = UnsubscribeLinks(lambda: (KEY, KeySet([KEY])), "https://desk.example.com/")
REPORTS = ReportMailLinks(lambda: (KEY, KeySet([KEY])), "https://desk.example.com/")
LEAVE = ReportMailSwitch(REQUESTER, ReportMailId(uuid4()))
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


@pytest.mark.parametrize("switch", [LEAVE, LEAVE.way_back])
def test_a_link_of_a_report_says_again_what_it_was_made_for(switch: ReportMailSwitch) -> None:
    page, _, token = REPORTS.address(switch, now()).partition("?token=")
    assert page == "https://desk.example.com/api/reports/unsubscribe"
    assert REPORTS.check(token) == switch
    REPORTS.check(REPORTS.token(switch, now() - SWITCH_LIFETIME + timedelta(minutes=1)))
    with pytest.raises(LinkInvalidError):
        REPORTS.check(REPORTS.token(switch, now() - SWITCH_LIFETIME - timedelta(seconds=2)))


def test_links_of_notices_and_of_reports_are_not_taken_for_each_other() -> None:
    with pytest.raises(LinkInvalidError):
        REPORTS.check(LINKS.token(OFF, now()))
    with pytest.raises(LinkInvalidError):
        LINKS.check(REPORTS.token(LEAVE, now()))


def forged_report(key: OKPKey = KEY, type: str = "link+jwt", **changes: Any) -> str:
    claims = jwt.decode(REPORTS.token(LEAVE, now()), KEY, algorithms=["Ed25519"]).claims
    changed = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode({"alg": "Ed25519", "typ": type}, changed, key, algorithms=["Ed25519"])


def test_a_token_of_a_report_that_says_all_is_one() -> None:
    assert REPORTS.check(forged_report()) == LEAVE


@pytest.mark.parametrize(
    "token",
    [
        forged_report(OKPKey.generate_key("Ed25519")),
        forged_report(type="at+jwt"),
        forged_report(aud="email-switch"),
        forged_report(iss="elsewhere"),
        forged_report(exp=None),
        forged_report(sub=None),
        forged_report(sub="rita"),
        forged_report(mail=None),
        forged_report(mail="weekly"),
        forged_report(mail=7),
        forged_report(does=None),
        forged_report(does="delete"),
        forged_report(does=["leave"]),
        "a.b.c",
    ],
)
def test_anything_else_is_no_link_of_a_report(token: str) -> None:
    with pytest.raises(LinkInvalidError):
        REPORTS.check(token)
