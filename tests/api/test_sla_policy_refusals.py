"""Policies that make no sense, and what is said of them."""

import re
from typing import Any

import httpx2
import pytest

from api.sla_policy_models import SlaPolicyBody, policy_draft
from domain.errors import UnknownReferenceError
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.sla_desk import POLICIES, a_policy, ladder

pytestmark = pytest.mark.usefixtures("shipped_terms")
NOBODY = "00000000-0000-4000-8000-000000000000"
ZERO = {"normal": {"first_response": {"minutes": 0}}}
LATE = {"normal": {"first_response": {"minutes": 61}, "resolution": {"minutes": 60}}}
LATER = {"normal": {"next_response": {"minutes": 61, "time": "wall"}, "resolution": {"minutes": 60, "time": "wall"}}}
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a goal of zero": ({"goals": ZERO}, "goals.normal.first_response.minutes", "greater than or equal to 1"),
    "a team's goal of zero": ({"team_goals": ZERO}, "team_goals.normal.first_response.minutes", "greater than"),
    "a goal below zero": ({"goals": {"low": {"resolution": {"minutes": -1}}}}, "goals.low.resolution.minutes", "equal"),
    "a goal beyond a year": (
        {"goals": {"low": {"resolution": {"minutes": 366 * 24 * 60 + 1}}}}, "goals.low.resolution.minutes", "less",
    ),
    "a huge goal": ({"goals": {"low": {"resolution": {"minutes": 10**400}}}}, "goals.low.resolution.minutes", ""),
    "half a minute": ({"goals": {"low": {"resolution": {"minutes": 0.5}}}}, "goals.low.resolution.minutes", "integer"),
    "response after resolution": ({"goals": LATE}, "goals.normal", "first_response would be due after the resolution"),
    "next response after resolution": ({"team_goals": LATER}, "team_goals.normal", "next_response would be due after"),
    "an unknown time": (
        {"goals": {"low": {"resolution": {"minutes": 1, "time": "lunar"}}}}, "goals.low.resolution.time", "'wall'",
    ),
    "an unknown target": ({"goals": {"low": {"rest": {"minutes": 1}}}}, "goals.low.rest", "not permitted"),
    "an unknown priority's goal": ({"goals": {"highest": {}}}, "goals.highest.[key]", "'urgent'"),
    "no goals": ({"goals": {}}, "", "needs a goal"),
    "empty goals": ({"goals": {"low": {}}}, "", "needs a goal"),
    "goals for other priorities": (
        {"goals": {"low": {"resolution": {"minutes": 1}}}, "conditions": {"priorities": ["high"]}}, "", "needs a goal",
    ),
    "a warning over 100 %": ({"warnings": [50, 101]}, "warnings.1", "less than or equal to 99"),
    "a warning at 100 %": ({"warnings": [100]}, "warnings.0", "less than or equal to 99"),
    "a warning at 0 %": ({"warnings": [0]}, "warnings.0", "greater than or equal to 1"),
    "a warning twice": ({"warnings": [50, 50]}, "warnings", "warned of once"),
    "too many warnings": ({"warnings": list(range(1, 12))}, "warnings", "at most 10"),
    "a pause when it is over": ({"pauses": {"resolution": ["resolved"]}}, "pauses.resolution.0", "'on_hold'"),
    "too many pauses": ({"pauses": {"resolution": ["new"] * 5}}, "pauses.resolution", "at most 4"),
    "an unknown carry rule": ({"carry": "drop"}, "carry", "'tighter_wins'"),
    "an unknown condition": ({"conditions": {"weather": ["rain"]}}, "conditions.weather", "not permitted"),
    "an unknown priority": ({"conditions": {"priorities": ["highest"]}}, "conditions.priorities.0", "'urgent'"),
    "too many priorities": ({"conditions": {"priorities": ["low"] * 5}}, "conditions.priorities", "at most 4"),
    "too many tags": ({"conditions": {"tags": [f"t{n}" for n in range(101)]}}, "conditions.tags", "at most 100"),
    "a tag that is no slug": ({"conditions": {"tags": ["V I P"]}}, "conditions.tags.0", "match"),
    "a team that is no slug": ({"conditions": {"teams": ["\0"]}}, "conditions.teams.0", "match"),
    "no name": ({"name": ""}, "name", "at least 1"),
    "an endless name": ({"name": "x" * 201}, "name", "at most 200"),
    "an unknown field": ({"shade": 1}, "shade", "not permitted"),
    "no calendar": ({"calendar": None}, "calendar", "integer"),
    "a calendar that cannot be": ({"calendar": 0}, "calendar", "greater"),
    "a calendar beyond numbers": ({"calendar": 2**31}, "calendar", "less"),
    "a ladder without steps": ({"ladders": {"low": {"steps": []}}}, "ladders.low.steps", "at least 1"),
    "too many steps": (
        {"ladders": {"low": {"steps": [{"after_minutes": 1, "actions": [{"type": "notify_team"}]}] * 11}}},
        "ladders.low.steps", "at most 10",
    ),
    "too many repeats": (
        {"ladders": {"low": {"repeats": 11, "steps": [{"after_minutes": 1, "actions": [{"type": "notify_team"}]}]}}},
        "ladders.low.repeats", "less",
    ),
    "a step after nothing": (ladder({"type": "notify_team"}, since="last_step"), "ladders.normal", "no step before"),
    "a step before its time": (
        ladder({"type": "notify_team"}, after_minutes=-1), "ladders.normal.steps.0.after_minutes", "greater",
    ),
    "a step without an action": (ladder(), "ladders.normal.steps.0.actions", "at least 1"),
    "too many actions": (ladder(*[{"type": "notify_team"}] * 11), "ladders.normal.steps.0.actions", "at most 10"),
    "an unknown action": (ladder({"type": "shout"}), "ladders.normal.steps.0.actions.0.type", "a step can raise_level"),
    "an action without a type": (ladder({"level": 1}), "ladders.normal.steps.0.actions.0.type", "required"),
    "an action without what it takes": (
        ladder({"type": "raise_level"}), "ladders.normal.steps.0.actions.0.level", "required",
    ),
    "an action without a person": (
        ladder({"type": "notify_person"}), "ladders.normal.steps.0.actions.0.person", "required",
    ),
    "an action with what another takes": (
        ladder({"type": "notify_team", "level": 1}), "ladders.normal.steps.0.actions.0", "notify_team takes no level",
    ),
    "an action with what none takes": (
        ladder({"type": "notify_team", "loud": 1}), "ladders.normal.steps.0.actions.0.loud", "not permitted",
    ),
    "level 4": (ladder({"type": "raise_level", "level": 4}), "ladders.normal.steps.0.actions.0.level", "less"),
    "a requester's role": (
        ladder({"type": "notify_role", "role": "requester"}), "ladders.normal.steps.0.actions.0.role", "'supervisor'",
    ),
    "a person without an id": (
        ladder({"type": "notify_person", "person": "Ada"}), "ladders.normal.steps.0.actions.0.person", "UUID",
    ),
}  # fmt: skip
URL = "ladders.normal.steps.0.actions.0.url"
BAD_URLS = (
    "", "example.com", "ftp://example.com/x", "file:///etc/passwd", "javascript:alert(1)", "http://", "https:///path",
    "https://exa mple.com", "https://example.com/\n", "https://example.com/\0", "https://example.com/" + "x" * 2000,
    "//example.com", "https://ex\u00e4mple.com", "https://example.com:99999/",
)  # fmt: skip


async def refuses(admin: httpx2.AsyncClient, change: dict[str, Any]) -> list[dict[str, Any]]:
    """The problems with adding such a policy, and with changing one to it."""
    standard = (await admin.get(POLICIES)).json()["items"][-1]
    before = (await admin.get(POLICIES)).json()
    answers = (
        await admin.post(POLICIES, json=a_policy() | change),
        await admin.put(f"{POLICIES}/{standard['id']}", json=a_policy() | change),
    )
    assert (await admin.get(POLICIES)).json() == before
    return [assert_problem(answer, 422) for answer in answers]


@pytest.mark.parametrize("why", BAD)
async def test_a_policy_that_makes_no_sense_is_refused(admin: httpx2.AsyncClient, why: str) -> None:
    change, loc, sentence = BAD[why]

    for problem in await refuses(admin, change):
        assert problem["code"] == "invalid"
        (wrong, *_) = problem["errors"]
        assert ".".join(wrong["loc"]) == f"body.{loc}".rstrip(".")
        assert sentence in wrong["message"]


@pytest.mark.parametrize("url", BAD_URLS)
async def test_a_webhook_that_is_none_is_refused(admin: httpx2.AsyncClient, url: str) -> None:
    for problem in await refuses(admin, ladder({"type": "call_webhook", "url": url})):
        assert [".".join(wrong["loc"]) for wrong in problem["errors"]] == [f"body.{URL}"]


async def test_what_a_policy_names_must_be_there(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    requester = str(api.people["requester"].id)
    for change, sentence in (
        ({"calendar": 2**31 - 1}, "There is no calendar 2147483647."),
        ({"conditions": {"teams": ["support", "nowhere"]}}, "There is no team nowhere."),
        ({"conditions": {"categories": ["b-none", "a-none", "general"]}}, "There is no category a-none, b-none."),
        (ladder({"type": "notify_team", "team": "nowhere"}), "There is no team nowhere."),
        (ladder({"type": "notify_person", "person": NOBODY}), f"Nobody at the desk has the id {NOBODY}."),
        (ladder({"type": "add_watcher", "person": NOBODY}), f"Nobody at the desk has the id {NOBODY}."),
        (ladder({"type": "add_watcher", "person": requester}), f"Nobody at the desk has the id {requester}."),
    ):
        for problem in await refuses(admin, change):
            assert (problem["code"], problem["detail"]) == ("unknown_reference", sentence)
        draft = policy_draft(SlaPolicyBody.model_validate(a_policy() | change))
        with pytest.raises(UnknownReferenceError, match=re.escape(sentence)):
            await api.parts.sla_policies.check_named(draft)
