"""People and categories."""

from typing import Any

import httpx2

from tests.api.desk_api import ApiDesk, assert_problem

NEW: dict[str, Any] = {
    "email": "carla@example.com",
    "name": "Carla",
    "role": "agent",
    "password": "long enough",
    "teams": ["billing", "support"],
}


async def test_an_admin_adds_and_changes_people(admin: httpx2.AsyncClient) -> None:
    made = await admin.post("/api/users", json=NEW)
    assert made.status_code == 201
    person = made.json()
    assert person == {
        "id": person["id"], "email": "carla@example.com", "name": "Carla", "role": "agent",
        "teams": ["billing", "support"], "is_active": True, "tier": "standard",
        "organisation": None, "sees_organisation": False,
    }  # fmt: skip

    changed = (await admin.patch(f"/api/users/{person['id']}", json={"name": "Carla C.", "role": "supervisor"})).json()
    assert changed == person | {"name": "Carla C.", "role": "supervisor"}
    moved = (await admin.patch(f"/api/users/{person['id']}", json={"teams": []})).json()
    assert moved == changed | {"teams": []}
    golden = (await admin.patch(f"/api/users/{person['id']}", json={"tier": "gold"})).json()
    assert golden == moved | {"tier": "gold"}
    assert (await admin.patch(f"/api/users/{person['id']}", json={})).json() == golden


async def test_a_customer_of_a_tier_is_added(admin: httpx2.AsyncClient) -> None:
    body = NEW | {"email": "gina@example.com", "role": "requester", "teams": [], "tier": "gold"}

    assert (await admin.post("/api/users", json=body)).json()["tier"] == "gold"

    sign_in = await admin.post("/api/auth/login", json={"email": body["email"], "password": body["password"]})
    assert "tier" not in sign_in.json()["person"]
    everybody = (await admin.get("/api/users?limit=200")).json()["items"]
    assert {person["email"]: person["tier"] for person in everybody}["gina@example.com"] == "gold"


async def ids_of_all(admin: httpx2.AsyncClient, limit: int) -> list[str]:
    """Everybody's id, page by page."""
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await admin.get(f"/api/users?limit={limit}{cursor}")).json()
        seen += [person["id"] for person in page["items"]]
        if page["next_cursor"] is None:
            return seen
        cursor = f"&cursor={page['next_cursor']}"


async def test_people_are_listed_page_by_page(admin: httpx2.AsyncClient) -> None:
    seen = await ids_of_all(admin, 2)

    assert seen == await ids_of_all(admin, 200)
    assert len(seen) == len(set(seen))
    assert "password" not in (await admin.get("/api/users")).text


async def test_what_is_wrong_with_a_person_is_said(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    assert_problem(await admin.post("/api/users", json=NEW | {"email": "agent@example.com"}), 409, "already_exists")
    assert_problem(
        await admin.post("/api/users", json=NEW | {"email": "d@example.com", "teams": ["nowhere"]}),
        422,
        "unknown_reference",
    )
    assert_problem(await admin.post("/api/users", json=NEW | {"email": "no address"}), 422, "invalid")
    assert_problem(await admin.post("/api/users", json=NEW | {"role": "emperor"}), 422, "invalid")
    assert_problem(await admin.post("/api/users", json=NEW | {"password": "short"}), 422, "invalid")
    assert_problem(await admin.post("/api/users", json=NEW | {"tier": "Pure Gold"}), 422, "invalid")
    unknown = "00000000-0000-4000-8000-000000000000"
    assert_problem(await admin.patch(f"/api/users/{unknown}", json={"name": "x"}), 404, "not_found")
    agent = api.people["agent"].id
    assert_problem(await admin.patch(f"/api/users/{agent}", json={"teams": ["nowhere"]}), 422, "unknown_reference")
    assert (await admin.get("/api/users?limit=200")).text.count('"d@example.com"') == 0
    assert api.people["agent"].teams == ("support",)


async def test_categories_are_added_once(admin: httpx2.AsyncClient, requester: httpx2.AsyncClient) -> None:
    path = "/api/categories"
    made = await admin.post(path, json={"slug": "facilities", "name": "Facilities"})
    assert (made.status_code, made.json()) == (201, {"slug": "facilities", "name": "Facilities"})
    assert_problem(await admin.post(path, json={"slug": "facilities", "name": "Again"}), 409, "already_exists")
    assert {"slug": "facilities", "name": "Facilities"} in (await requester.get(path)).json()["items"]
    for slug in ("Upper", "with space", "", "-first", "x" * 41, "nul\0"):
        assert_problem(await admin.post(path, json={"slug": slug, "name": "x"}), 422, "invalid")


async def test_the_last_thing_an_admin_said_counts(admin: httpx2.AsyncClient) -> None:
    person = (await admin.post("/api/users", json=NEW | {"email": "e@example.com"})).json()

    await admin.patch(f"/api/users/{person['id']}", json={"is_active": False})
    back = (await admin.patch(f"/api/users/{person['id']}", json={"is_active": True})).json()

    assert back == person
