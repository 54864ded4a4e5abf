"""Asks every operation as everybody, and says who got in: the table of docs/permissions.md."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2

from domain.ids import PersonId
from domain.people import Role
from domain.permissions import PERMISSIONS, PUBLIC
from tests.api.desk_api import ApiDesk, opened

NOBODY = "00000000-0000-4000-8000-000000000000"
MOMENT = "2099-01-01T00:00:00Z"
STALE = {"If-Match": '"999999"'}
"""A command that passes every check of rights is then refused as overtaken, and changes nothing."""
MALFORMED = {"?": 1}
"""Refused by every operation that takes a body, once the door has let it in."""
BODIES: dict[str, Any] = {
    "edit_ticket": {"tags": ["vip"]},
    "add_reply": {"body": "hello"},
    "change_status": {"status": "pending"},
    "assign_ticket": {"assignee": NOBODY},
    "escalate_ticket": {},
    "snooze_ticket": {"until": MOMENT},
    "rate_ticket": {"score": 5},
}
"""What a command has to bring, for rights to be looked at; by default nothing."""
VARIANTS: dict[str, dict[str, Any]] = {
    "add_reply": {"add_reply, internal": {"body": "hello", "internal": True}},
    "edit_ticket": {"edit_ticket, wording": {"title": "Other words"}},
    "change_status": {"change_status, resolved": {"status": "resolved"}},
    "assign_ticket": {"assign_ticket, override": {"assignee": NOBODY, "override": True}},
}
PATHS = {"number": "1", "moment": "wake", "slug": "support", "team": "support", "file": "none.ics"}
RELATED: dict[str, dict[str, tuple[str, ...]]] = {
    "requester": {"own": ("requester", "billing"), "watched": ("requester2", "billing", "watched"),
                  "organisation's": ("requester2", "billing", "colleague"), "stranger's": ("requester2", "billing")},
    "agent": {"own": ("agent", "billing"), "watched": ("requester", "billing", "watched"),
              "organisation's": ("requester", "billing", "colleague"), "team's": ("requester", "support"),
              "stranger's": ("requester", "billing")},
    "supervisor": {"any": ("requester", "billing")},
    "admin": {"any": ("requester", "billing")},
}  # fmt: skip
"""For each role, the tickets by what they are to them: whose, in which team's queue, and what else."""


class Operation(NamedTuple):
    name: str
    method: str
    path: str

    @property
    def is_of_ticket(self) -> bool:
        return "{number}" in self.path

    def at(self, number: int | None) -> str:
        """Its address: of that ticket, and of things that nobody has."""
        path = self.path
        for part in path.split("{")[1:]:
            name = part.split("}")[0]
            value = str(number) if name == "number" else PATHS.get(name, NOBODY)
            path = path.replace("{" + name + "}", value)
        return path


def operations(api: ApiDesk) -> Iterator[Operation]:
    for path, methods in api.app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield Operation(operation["operationId"], method.upper(), path)


def verdict(answer: httpx2.Response, *, of_ticket: bool) -> str:
    if answer.status_code == 401:
        return "sign in"
    if answer.status_code == 403:
        return "no"
    if of_ticket and answer.status_code == 404 and answer.json()["code"] == "ticket_not_found":
        return "hidden"
    assert answer.status_code < 500, answer.text
    return "yes"


async def asked(client: httpx2.AsyncClient, operation: Operation, number: int | None, body: Any) -> str:
    params = {"cursor": "none"} if operation.name == "stream_events" else {}
    sent: dict[str, Any] = {} if operation.method == "GET" else {"json": body}
    if operation.name == "add_attachment":
        sent = {"files": {"file": ("a.txt", b"hello", "text/plain")}}
    if operation.name == "make_token":
        sent = {"data": {"grant_type": "none"}}
    answer = await client.request(
        operation.method, operation.at(number), params=params, headers=STALE, follow_redirects=False, **sent
    )
    return verdict(answer, of_ticket=operation.is_of_ticket)


@asynccontextmanager
async def signed_in_anew(api: ApiDesk, person: PersonId) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with a session of its own: some of the operations end it."""
    async with api.client() as client:
        client.headers["Authorization"] = f"Bearer {await api.token_of(person)}"
        yield client


async def people_of_all_roles(api: ApiDesk) -> dict[str, PersonId]:
    """Somebody new of each role: what some of the operations end is nobody else's."""
    people = {}
    for role in Role:
        teams = ("support",) if role is Role.AGENT else ()
        added = await api.parts.people.add(f"{uuid4()}@example.com", f"Some {role}", role, "no hash", teams)
        people[role.value] = added.id
    return people


async def related_tickets(api: ApiDesk, people: dict[str, PersonId]) -> dict[str, dict[str, int]]:
    """The tickets of RELATED: role, relation, number."""
    numbers: dict[str, dict[str, int]] = {}
    for role, relations in RELATED.items():
        numbers[role] = {}
        for relation, (whose, team, *more) in relations.items():
            requester = people.get(whose) or api.people[whose].id
            async with signed_in_anew(api, people["admin"]) as admin:
                if "colleague" in more:
                    requester = await _colleague(admin, people[role])
                async with signed_in_anew(api, requester) as client:
                    number = (await opened(client, team=team))["number"]
                if "watched" in more:
                    watched = await admin.put(f"/api/tickets/{number}/watchers/{people[role]}")
                    assert watched.status_code == 200, watched.text
                numbers[role][relation] = number
    return numbers


async def _colleague(admin: httpx2.AsyncClient, person: PersonId) -> PersonId:
    """Somebody new of an organisation all of whose tickets this person may see."""
    slug = f"org-{uuid4().hex[:8]}"
    await admin.post("/api/organisations", json={"slug": slug, "name": "Acme"})
    seeing = {"organisation": slug, "sees_organisation": True}
    assert (await admin.patch(f"/api/users/{person}", json=seeing)).status_code == 200
    new = {
        "email": f"{uuid4().hex}@example.com", "name": "Carol", "role": "requester", "password": "long enough for all",
        "organisation": slug,
    }  # fmt: skip
    return PersonId((await admin.post("/api/users", json=new)).json()["id"])


async def matrix(api: ApiDesk) -> str:
    """The page's tables, in Markdown."""
    people = await people_of_all_roles(api)
    lines = ["| operation | scope | nobody | requester | agent | supervisor | admin |", "|---|---|---|---|---|---|---|"]
    everything = sorted(operations(api))
    for operation in everything:
        if not operation.is_of_ticket:
            cells = [await _door(api, operation, person) for person in (None, *people.values())]
            lines.append(f"| `{operation.name}` | {_scope(operation)} | {' | '.join(cells)} |")
    numbers = await related_tickets(api, people)
    columns = [(role, relation) for role, relations in RELATED.items() for relation in relations]
    lines += ["", f"| operation | scope | nobody | {' | '.join(f'{role}: {what}' for role, what in columns)} |"]
    lines.append("|---|---|---|" + "---|" * len(columns))
    for operation in everything:
        if not operation.is_of_ticket:
            continue
        bodies = {operation.name: BODIES.get(operation.name, {})} | VARIANTS.get(operation.name, {})
        for name, body in bodies.items():
            async with api.client() as client:
                cells = [await asked(client, operation, 1, body)]
            for role, relation in columns:
                async with signed_in_anew(api, people[role]) as client:
                    cells.append(await asked(client, operation, numbers[role][relation], body))
            lines.append(f"| `{name}` | {_scope(operation)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


async def _door(api: ApiDesk, operation: Operation, person: PersonId | None) -> str:
    if person is None:
        async with api.client() as client:
            return await asked(client, operation, None, MALFORMED)
    async with signed_in_anew(api, person) as client:
        return await asked(client, operation, None, MALFORMED)


def _scope(operation: Operation) -> str:
    if operation.name in PUBLIC:
        return "public"
    return f"`{PERMISSIONS[operation.name].scope}`" if PERMISSIONS[operation.name].scope else "any"
