"""Preferences over HTTP: one's own, whole, changed by name, and refused with a sentence."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from domain.notification import NotificationType
from tests.api.desk_api import ApiDesk, assert_problem

PATH = "/api/notifications/preferences"
USUAL = {
    "zone": "UTC", "quiet_from": None, "quiet_until": None, "urgent_bypass": True, "bundle_minutes": 2,
    "fallback_minutes": 15, "digest_at": "08:00",
}  # fmt: skip
NIGHT = {"zone": "Europe/Berlin", "quiet_from": "22:00", "quiet_until": "07:00"}
MINE = {"in_app": False, "email": "daily", "push": "if_unread"}
ALL_MODES = {"email": ["off", "now", "if_unread", "daily"], "push": ["off", "now", "if_unread"]}


@pytest.fixture(autouse=True)
async def nothing_chosen(api: ApiDesk) -> AsyncIterator[None]:
    yield
    await api.parts.pool.execute("delete from notification_settings; delete from notification_choices")


def settings_of(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name != "types"}


def type_of(answer: httpx2.Response, type: str) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = next(one for one in answer.json()["types"] if one["type"] == type)
    return found


async def test_who_chose_nothing_reads_the_defaults_of_every_type(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    found = await requester.get(PATH)
    assert settings_of(found) == USUAL
    assert [one["type"] for one in found.json()["types"]] == list(NotificationType)
    assert all(one["is_default"] for one in found.json()["types"])

    assert type_of(found, "replied") == {
        "type": "replied", "in_app": True, "email": "now", "push": "now", "is_default": True, "allowed": ALL_MODES,
    }  # fmt: skip
    assert type_of(await agent.get(PATH), "replied")["email"] == "if_unread"
    assert type_of(found, "digest")["allowed"] == ALL_MODES | {"email": ["off"]}


async def test_what_is_named_is_changed_and_the_rest_stays(agent: httpx2.AsyncClient) -> None:
    await agent.patch(PATH, json=NIGHT)
    await agent.patch(PATH, json={"bundle_minutes": 10, "types": {"replied": MINE}})
    changed = await agent.patch(PATH, json={"digest_at": "06:30"})

    assert settings_of(changed) == USUAL | NIGHT | {"bundle_minutes": 10, "digest_at": "06:30"}
    assert type_of(changed, "replied").items() >= (MINE | {"is_default": False}).items()
    assert type_of(changed, "assigned")["is_default"]
    assert (await agent.get(PATH)).json() == changed.json()


async def test_nothing_brings_a_default_back(agent: httpx2.AsyncClient) -> None:
    await agent.patch(PATH, json=NIGHT | {"fallback_minutes": 60, "types": {"replied": MINE}})
    back = await agent.patch(
        PATH,
        json={
            "quiet_from": None,
            "quiet_until": None,
            "zone": None,
            "fallback_minutes": None,
            "types": {"replied": None},
        },
    )
    assert settings_of(back) == USUAL
    assert type_of(back, "replied")["is_default"]


async def test_preferences_are_ones_own(agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient) -> None:
    await agent.patch(PATH, json=NIGHT)
    assert settings_of(await colleague.get(PATH)) == USUAL


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
        ({"zone": "nul\0"}, "zone"),
        ({"zone": 7}, "zone"),
        ({"quiet_from": "22"}, "quiet_from"),
        ({"quiet_from": "24:00"}, "quiet_from"),
        ({"quiet_from": "22:00:01"}, "quiet_from"),
        ({"quiet_from": 22}, "quiet_from"),
        ({"bundle_minutes": -1}, "bundle_minutes"),
        ({"bundle_minutes": 241}, "bundle_minutes"),
        ({"bundle_minutes": 1e400}, "bundle_minutes"),
        ({"fallback_minutes": 0}, "fallback_minutes"),
        ({"fallback_minutes": 1441}, "fallback_minutes"),
        ({"digest_at": "8:00"}, "digest_at"),
        ({"types": None}, "types"),
        ({"types": {"no_type": None}}, "no_type"),
        ({"types": {"replied": MINE | {"push": "daily"}}}, "push"),
        ({"types": {"replied": MINE | {"email": "hourly"}}}, "email"),
        ({"types": {"replied": {"in_app": True}}}, "push"),
        ({"types": {"replied": MINE | {"sms": "now"}}}, "sms"),
        ({"types": {"digest": MINE}}, "body"),
        ({"quiet_hours": []}, "quiet_hours"),
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_refused_where_it_stands(
    agent: httpx2.AsyncClient, body: dict[str, Any], where: str
) -> None:
    if body.get("bundle_minutes") == 1e400:
        answer = await agent.patch(
            PATH, content=b'{"bundle_minutes": 1e400}', headers={"Content-Type": "application/json"}
        )
    else:
        answer = await agent.patch(PATH, json=body)
    problem = assert_problem(answer, 422, "invalid")
    assert any(where in one["loc"] for one in problem["errors"]), problem
    assert settings_of(await agent.get(PATH)) == USUAL


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"quiet_from": "22:00"}, "both `quiet_from` and `quiet_until`"),
        ({"quiet_until": "22:00"}, "both `quiet_from` and `quiet_until`"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "another time"),
    ],
)
async def test_quiet_hours_that_are_none_are_refused_with_a_sentence(
    agent: httpx2.AsyncClient, body: dict[str, Any], says: str
) -> None:
    problem = assert_problem(await agent.patch(PATH, json=body), 422, "invalid")
    assert says in problem["detail"]
    assert problem["detail"].startswith("Quiet hours")


async def test_half_of_the_quiet_hours_that_there_are_may_be_changed_but_not_taken_away(
    agent: httpx2.AsyncClient,
) -> None:
    await agent.patch(PATH, json=NIGHT)
    moved = await agent.patch(PATH, json={"quiet_until": "06:00"})
    assert settings_of(moved)["quiet_until"] == "06:00"
    assert_problem(await agent.patch(PATH, json={"quiet_until": None}), 422, "invalid")


async def test_nobody_else_gets_in(nobody: httpx2.AsyncClient) -> None:
    for answer in (
        await nobody.get(PATH),
        await nobody.patch(PATH, json={}),
        await nobody.post(f"{PATH}/preview", json={"type": "replied"}),
    ):
        assert_problem(answer, 401)


async def test_a_preview_says_when_which_channel_would_tell_and_why_not(requester: httpx2.AsyncClient) -> None:
    await requester.patch(PATH, json=NIGHT)
    asked = {"type": "replied", "at": "2030-01-07T23:00:00+01:00"}
    answer = await requester.post(f"{PATH}/preview", json=asked)

    assert answer.status_code == 200, answer.text
    night, morning = "2030-01-07T22:00:00Z", "2030-01-08T06:00:00Z"
    said = [
        tuple(one[name] for name in ("at", "channel", "outcome", "reason", "until")) for one in answer.json()["items"]
    ]
    assert said == [
        (night, "in_app", "sends", "now", None),
        (night, "email", "waits", "quiet_hours", morning),
        (night, "push", "skips", "no_device", None),
        (morning, "email", "sends", "now", None),
    ]
    assert answer.json()["items"][1]["says"] == "There are quiet hours."


async def test_a_preview_of_something_urgent_or_muted_or_off(agent: httpx2.AsyncClient) -> None:
    await agent.patch(PATH, json=NIGHT | {"types": {"replied": {"in_app": False, "email": "now", "push": "off"}}})
    urgent = {"type": "replied", "at": "2030-01-07T22:00:00Z", "priority": "urgent"}
    items = (await agent.post(f"{PATH}/preview", json=urgent)).json()["items"]
    assert [(one["channel"], one["outcome"], one["reason"]) for one in items] == [
        ("in_app", "skips", "muted"),
        ("email", "waits", "bundling"),
        ("push", "skips", "off"),
        ("email", "sends", "urgent"),
    ]
    assert_problem(await agent.post(f"{PATH}/preview", json={"type": "lunch"}), 422, "invalid")
    assert (await agent.post(f"{PATH}/preview", json={"type": "replied"})).status_code == 200
