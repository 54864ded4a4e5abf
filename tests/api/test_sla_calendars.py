"""Business calendars over HTTP: versions, refusals, and what one says of a moment."""

import asyncio
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi.exceptions import RequestValidationError

from api.sla_calendar_models import SlaCalendarBody, calendar_draft
from tests.api.desk_api import ApiDesk, assert_problem, do, opened
from tests.api.sla_desk import (
    AROUND_THE_CLOCK,
    CALENDARS,
    EVERYTHING,
    NIGHT,
    NINE_TO_FIVE,
    OFFICE,
    POLICIES,
    a_calendar,
    a_policy,
    added,
    ask,
    named,
    replaced,
)

pytestmark = pytest.mark.usefixtures("shipped_terms")


async def test_a_calendar_is_kept_as_it_was_written(admin: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    body = a_calendar(**EVERYTHING)
    answer = await admin.post(CALENDARS, json=body)
    made = answer.json()

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{CALENDARS}/{made['id']}"
    assert {name: made[name] for name in body} == body
    assert (made["version"], made["always_open"], made["country_holidays"]) == (1, False, [])
    read = await agent.get(f"{CALENDARS}/{made['id']}")
    assert (read.json(), read.headers["ETag"]) == (made, '"1"')
    listed = (await agent.get(CALENDARS)).json()["items"]
    assert [one["name"] for one in listed] == sorted((one["name"] for one in listed), key=str.lower)
    assert {one["name"] for one in listed} == {"Around the clock", body["name"]}


async def test_a_change_is_a_new_version(admin: httpx2.AsyncClient) -> None:
    body = a_calendar()
    made = await added(admin, CALENDARS, body)

    changed = await replaced(admin, CALENDARS, made, body | {"name": named("Works"), "week": [NINE_TO_FIVE] * 7})

    assert changed["version"] == 2
    assert changed["version_id"] != made["version_id"]
    assert changed["week"] == [NINE_TO_FIVE] * 7
    assert (await admin.get(f"{CALENDARS}/{made['id']}")).json() == changed


async def test_whoever_was_slower_is_told(admin: httpx2.AsyncClient) -> None:
    body = a_calendar()
    made = await added(admin, CALENDARS, body)
    path, seen = f"{CALENDARS}/{made['id']}", {"If-Match": '"1"'}

    answers = await asyncio.gather(*(admin.put(path, json=body, headers=seen) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    for answer in (
        await admin.put(path, json=body, headers=seen),
        await admin.delete(path, headers=seen),
    ):
        assert_problem(answer, 412, "stale_revision")
    assert (await admin.get(path)).headers["ETag"] == '"2"'
    assert (await admin.put(path, json=body, headers={"If-Match": '"2"'})).json()["version"] == 3
    assert (await admin.delete(path, headers={"If-Match": '"3"'})).status_code == 204


async def test_the_holidays_of_countries_are_taken_over(admin: httpx2.AsyncClient) -> None:
    countries: list[dict[str, Any]] = [{"country": "DE", "subdivision": "BY"}, {"country": "US", "subdivision": None}]
    own = [{"on": "2031-07-11", "name": "Summer day"}]
    made = await added(admin, CALENDARS, a_calendar(holiday_countries=countries, holidays=own))

    this_year = datetime.now(UTC).year
    source: dict[str, Any] = {
        "first_year": this_year - 1,
        "last_year": this_year + 10,
        "package_version": version("holidays"),
    }
    assert made["holiday_countries"] == [one | source for one in countries]
    assert made["holidays"] == own
    taken = {(one["country"], one["subdivision"], one["on"]) for one in made["country_holidays"]}
    for year in range(this_year - 1, this_year + 11):
        assert ("DE", "BY", f"{year}-01-06") in taken
        assert ("US", None, f"{year}-07-04") in taken
    assert all(one["name"] for one in made["country_holidays"])
    assert {one["on"][:4] for one in made["country_holidays"]} == set(map(str, range(this_year - 1, this_year + 11)))


async def test_nobody_works_on_a_holiday_of_the_country(admin: httpx2.AsyncClient) -> None:
    daily = a_calendar(zone="UTC", week=[NINE_TO_FIVE] * 7)
    year = datetime.now(UTC).year + 1
    plain = await added(admin, CALENDARS, daily)
    austrian = await added(admin, CALENDARS, daily | {"name": named("x"), "holiday_countries": [{"country": "AT"}]})

    assert (await ask(admin, plain, f"{year}-10-26T12:00:00Z"))["is_open"]
    said = await ask(admin, austrian, f"{year}-10-26T12:00:00Z")
    assert (said["is_open"], said["next_opening"]) == (False, f"{year}-10-27T09:00:00Z")


def test_a_country_of_which_no_years_are_known_any_more_is_refused() -> None:
    body = SlaCalendarBody.model_validate(a_calendar(holiday_countries=[{"country": "AT"}, {"country": "DE"}]))

    with pytest.raises(RequestValidationError) as refused:
        calendar_draft(body, date(2190, 1, 1))

    (wrong,) = refused.value.errors()
    assert (wrong["loc"], wrong["msg"]) == (
        ("body", "holiday_countries", 0),
        "no holidays of AT are known from 2189 on",
    )


BAD_SPANS: dict[str, tuple[Any, str, str]] = {
    "they overlap": ([NINE_TO_FIVE * 2, *OFFICE[1:]], "week", "Monday 17:00, the next begins at Monday 09:00"),
    "they overlap after midnight": (
        [NIGHT, [{"from": "05:59", "to": "09:00"}], *OFFICE[2:]],
        "week",
        "until Tuesday 06:00, the next begins at Tuesday 05:59",
    ),
    "Sunday's overlaps Monday's": (
        [[{"from": "05:00", "to": "09:00"}], *OFFICE[1:6], NIGHT],
        "week",
        "until Monday 06:00, the next begins at Monday 05:00",
    ),
    "there are six days": (OFFICE[:6], "week", "seven days"),
    "there are eight days": ([*OFFICE, []], "week", "at most 7"),
    "one has no length": ([[{"from": "09:00", "to": "09:00"}], *OFFICE[1:]], "week.0.0", "needs some length"),
    "one has no length at midnight": ([[{"from": "00:00", "to": "00:00"}], *OFFICE[1:]], "week.0.0", "some length"),
    "there are too many": ([[{"from": f"00:{m:02}", "to": f"00:{m + 1:02}"} for m in range(25)]] * 7, "week.0", "24"),
    "one begins at 24:00": ([[{"from": "24:00", "to": "02:00"}], *OFFICE[1:]], "week.0.0.from", "pattern"),
    "one ends at 24:01": ([[{"from": "20:00", "to": "24:01"}], *OFFICE[1:]], "week.0.0.to", "pattern"),
    "one has a minute 60": ([[{"from": "09:60", "to": "17:00"}], *OFFICE[1:]], "week.0.0.from", "pattern"),
    "one is written with seconds": ([[{"from": "09:00:00", "to": "17:00"}], *OFFICE[1:]], "week.0.0.from", "pattern"),
    "one ends with a line break": ([[{"from": "09:00", "to": "17:00\n"}], *OFFICE[1:]], "week.0.0.to", "pattern"),
    "one is written in other digits": (
        [[{"from": "09:00", "to": "1\u0667:00"}], *OFFICE[1:]],
        "week.0.0.to",
        "pattern",
    ),
    "one is in minutes": ([[{"from": 540, "to": 1020}], *OFFICE[1:]], "week.0.0.from", "string"),
    "one has no end": ([[{"from": "09:00"}], *OFFICE[1:]], "week.0.0.to", "required"),
    "one is called otherwise": ([[{"since": "09:00", "to": "17:00"}], *OFFICE[1:]], "week.0.0.from", "required"),
    "a week is a text": ("always", "week", "list"),
    "a day is null": ([None, *OFFICE[1:]], "week.0", "list"),
}
SPRING = {"on": "2030-05-01"}
SPECIAL = {"on": "2030-12-24", "spans": NINE_TO_FIVE}
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    **{why: ({"week": week}, loc, sentence) for why, (week, loc, sentence) in BAD_SPANS.items()},
    "it has no hours at all": ({"week": [[]] * 7}, "", "needs some hours"),
    "it has no week": ({"week": []}, "", "seven days"),
    "only closed special days": ({"week": [[]] * 7, "special_days": [{"on": "2030-12-24"}]}, "", "needs some hours"),
    "it is always open from nine": ({"always_open": True}, "", "always open"),
    "it is always open but on holidays": (
        {"always_open": True, "week": [], "holiday_countries": [{"country": "DE"}]},
        "",
        "always open",
    ),
    "its zone is unknown": ({"zone": "Europe/Atlantis"}, "zone", "no time zone 'Europe/Atlantis'"),
    "its zone is a path": ({"zone": "../../etc/passwd"}, "zone", "no time zone"),
    "its zone is a folder": ({"zone": "Europe"}, "zone", "no time zone"),
    "its zone is no zone's file": ({"zone": "leapseconds"}, "zone", "no time zone"),
    "its zone is endless": ({"zone": "x" * 5000}, "zone", "no time zone"),
    "its zone is NUL": ({"zone": "\0"}, "zone", "no time zone"),
    "its zone is null": ({"zone": None}, "zone", "string"),
    "its name is empty": ({"name": " "}, "name", "at least 1"),
    "its name is endless": ({"name": "x" * 201}, "name", "at most 200"),
    "its name has NUL": ({"name": "a\0"}, "name", "NUL"),
    "a country is unknown": ({"holiday_countries": [{"country": "XX"}]}, "holiday_countries.0.country", "'XX'"),
    "a country is written small": ({"holiday_countries": [{"country": "de"}]}, "holiday_countries.0.country", "match"),
    "a country has another part": (
        {"holiday_countries": [{"country": "DE", "subdivision": "CA"}]},
        "holiday_countries.0.subdivision",
        "not of 'CA'",
    ),
    "a country has no parts": (
        {"holiday_countries": [{"country": "VA", "subdivision": "NUL\0"}]},
        "holiday_countries.0.subdivision",
        "none of its parts",
    ),
    "a country is named twice": ({"holiday_countries": [{"country": "DE"}] * 2}, "holiday_countries", "once"),
    "too many countries": ({"holiday_countries": [{"country": "DE"}] * 21}, "holiday_countries", "at most 20"),
    "a holiday is there twice": ({"holidays": [{"on": "2030-01-01"}] * 2}, "holidays", "once"),
    "a holiday is on 30 February": ({"holidays": [{"on": "2030-02-30"}]}, "holidays.0.on", "date"),
    "a holiday is a number": ({"holidays": [{"on": 19000}]}, "holidays.0.on", "written as"),
    "a holiday is a moment": ({"holidays": [{"on": "2030-01-01T00:00:00Z"}]}, "holidays.0.on", "written as"),
    "a holiday was long ago": ({"holidays": [{"on": "1969-12-31"}]}, "holidays.0.on", "between 1970 and 2200"),
    "a holiday is far away": ({"holidays": [{"on": "2201-01-01"}]}, "holidays.0.on", "between 1970 and 2200"),
    "a holiday's name is endless": ({"holidays": [SPRING | {"name": "x" * 201}]}, "holidays.0.name", "at most 200"),
    "too many holidays": ({"holidays": [{"on": "2030-01-01"}] * 1001}, "holidays", "at most 1000"),
    "a special day is there twice": ({"special_days": [SPECIAL] * 2}, "special_days", "one set"),
    "a special day's hours overlap": (
        {"special_days": [SPECIAL | {"spans": [*NINE_TO_FIVE, {"from": "16:59", "to": "18:00"}]}]},
        "special_days",
        "until 2030-12-24 17:00, the next begins at 2030-12-24 16:59",
    ),
    "a special day is far away": ({"special_days": [SPECIAL | {"on": "9999-12-31"}]}, "special_days.0.on", "2200"),
    "too many special days": ({"special_days": [SPECIAL] * 1001}, "special_days", "at most 1000"),
    "it has an unknown field": ({"weak": OFFICE}, "weak", "not permitted"),
}


@pytest.mark.parametrize("why", BAD)
async def test_a_calendar_that_makes_no_sense_is_refused(api: ApiDesk, admin: httpx2.AsyncClient, why: str) -> None:
    change, loc, sentence = BAD[why]
    before = await api.parts.pool.fetchrow("select number, (select max(id) from sla_calendars) from sla_edition")

    for answer in (
        await admin.post(CALENDARS, json=a_calendar() | change),
        await admin.put(f"{CALENDARS}/{AROUND_THE_CLOCK}", json=a_calendar() | change),
    ):
        (wrong, *_) = assert_problem(answer, 422, "invalid")["errors"]
        assert ".".join(wrong["loc"]) == f"body.{loc}".rstrip(".")
        assert sentence in wrong["message"]

    after = await api.parts.pool.fetchrow("select number, (select max(id) from sla_calendars) from sla_edition")
    assert after == before


async def test_a_name_is_given_once_among_those_that_exist(admin: httpx2.AsyncClient) -> None:
    body = a_calendar()
    made, other = await added(admin, CALENDARS, body), await added(admin, CALENDARS, a_calendar())

    upper = body | {"name": body["name"].upper()}
    assert_problem(await admin.post(CALENDARS, json=upper), 409, "already_exists")
    assert_problem(await admin.put(f"{CALENDARS}/{other['id']}", json=upper), 409, "already_exists")
    assert (await admin.get(f"{CALENDARS}/{other['id']}")).json() == other

    assert (await admin.delete(f"{CALENDARS}/{made['id']}")).status_code == 204
    assert (await replaced(admin, CALENDARS, other, upper))["version"] == 2


async def test_a_calendar_in_use_stays(admin: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    calendar = await added(admin, CALENDARS, a_calendar())
    policy = await added(admin, POLICIES, a_policy(calendar=calendar["id"]))
    path = f"{CALENDARS}/{calendar['id']}"
    ticket = await opened(agent, team="support", tags=policy["conditions"]["tags"])

    both = assert_problem(await admin.delete(path), 409, "calendar_in_use")
    assert policy["name"] in both["detail"]
    assert "the clocks of an open ticket" in both["detail"]
    await admin.delete(f"{POLICIES}/{policy['id']}")
    clocks = assert_problem(await admin.delete(path), 409, "calendar_in_use")
    assert policy["name"] not in clocks["detail"]
    await do(agent, ticket["number"], "status", {"status": "resolved"})

    assert (await admin.delete(path)).status_code == 204
    for answer in (
        await admin.get(path),
        await admin.put(path, json=a_calendar()),
        await admin.delete(path),
        await admin.post(f"{path}/test", json={"at": "2030-01-01T00:00:00Z"}),
    ):
        assert_problem(answer, 404, "not_found")
    assert_problem(await admin.post(POLICIES, json=a_policy(calendar=calendar["id"])), 422, "unknown_reference")


async def test_a_calendar_that_a_policy_has_left_may_go(admin: httpx2.AsyncClient) -> None:
    calendar, body = await added(admin, CALENDARS, a_calendar()), a_policy()
    policy = await added(admin, POLICIES, body | {"calendar": calendar["id"]})
    await replaced(admin, POLICIES, policy, body)

    assert (await admin.delete(f"{CALENDARS}/{calendar['id']}")).status_code == 204


async def test_there_are_not_more_than_a_list_holds(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    await api.parts.pool.execute("""
        with made as (
            insert into sla_calendars (name) select gen_random_uuid() from generate_series(1, 200) returning id
        ) insert into sla_calendar_versions (calendar_id, version, calendar)
            select id, 1, '{"zone": "UTC", "always_open": true}' from made
    """)

    assert_problem(await admin.post(CALENDARS, json=a_calendar()), 409, "limit_reached")


async def test_the_first_answer_is_given_again(admin: httpx2.AsyncClient) -> None:
    key, body = {"Idempotency-Key": str(uuid4())}, a_calendar(holiday_countries=[{"country": "DE"}])
    first = await admin.post(CALENDARS, json=body, headers=key)
    await replaced(admin, CALENDARS, first.json(), a_calendar(name=named("Renamed")))

    again = await asyncio.gather(*(admin.post(CALENDARS, json=body, headers=key) for _ in range(3)))

    assert {(answer.status_code, answer.text) for answer in again} == {(201, first.text)}
    other = await admin.post(CALENDARS, json=a_calendar(), headers=key)
    assert_problem(other, 422, "idempotency_key_reused")


async def test_the_desk_reads_and_admins_change(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    path = f"{CALENDARS}/{(await added(admin, CALENDARS, a_calendar()))['id']}"
    for name in ("requester", "agent", "supervisor"):
        async with api.client(name) as client:
            reads = (
                await client.get(CALENDARS),
                await client.get(path),
                await client.post(f"{path}/test", json={"at": "2030-01-01T00:00:00Z"}),
            )
            changes = (
                await client.post(CALENDARS, json=a_calendar()),
                await client.put(path, json=a_calendar()),
                await client.delete(path),
            )
        for answer in (*changes, *(reads if name == "requester" else ())):
            assert_problem(answer, 403, "forbidden")
        assert name == "requester" or {answer.status_code for answer in reads} == {200}


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", "2147483648", "%00"])
async def test_an_id_that_no_calendar_can_have_is_refused(admin: httpx2.AsyncClient, wrong: str) -> None:
    for answer in (
        await admin.get(f"{CALENDARS}/{wrong}"),
        await admin.put(f"{CALENDARS}/{wrong}", json=a_calendar()),
        await admin.delete(f"{CALENDARS}/{wrong}"),
        await admin.post(f"{CALENDARS}/{wrong}/test", json={"at": "2030-01-01T00:00:00Z"}),
    ):
        assert_problem(answer, 422, "invalid")
