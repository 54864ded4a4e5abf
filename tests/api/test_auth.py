"""Sign-in: who one is, and nothing about what one may."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from api.credentials.token_keys import KeyRing, load_or_make_key
from api.credentials.tokens import ALGORITHM, ISSUER, TOKEN_TYPE, AccessTokens
from domain.permissions import PUBLIC
from tests.api.desk_api import ApiDesk, assert_problem, opened

PASSWORD = "smart-ticketing-demo"


async def login(client: httpx2.AsyncClient, email: str, password: str = PASSWORD) -> httpx2.Response:
    return await client.post("/api/auth/login", json={"email": email, "password": password})


async def me(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})


async def test_who_signs_in_gets_a_token_that_says_who_they_are(nobody: httpx2.AsyncClient) -> None:
    answer = await login(nobody, "Agent@Example.com")

    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in_seconds"]) == ("bearer", 600)
    person = (await me(nobody, body["access_token"])).json()
    assert person == body["person"]
    assert person == {
        "id": person["id"],
        "email": "agent@example.com",
        "name": "Alex Agent",
        "role": "agent",
        "teams": ["support"],
        "is_active": True,
    }


async def test_a_wrong_password_an_unknown_and_an_inactive_person_get_the_same_answer(
    nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    gone = {"email": "gone@example.com", "name": "Gone", "role": "agent", "password": PASSWORD, "teams": []}
    made = (await admin.post("/api/users", json=gone)).json()
    await admin.patch(f"/api/users/{made['id']}", json={"is_active": False})

    answers = [
        await login(nobody, "agent@example.com", "wrong password"),
        await login(nobody, "nobody@example.com"),
        await login(nobody, "gone@example.com"),
        await login(nobody, "no address at all"),
        await login(nobody, "agent@example.com", "nul\0"),
        await login(nobody, "", ""),
    ]

    assert {answer.text for answer in answers} == {answers[0].text}
    for answer in answers:
        assert_problem(answer, 401, "invalid_credentials")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def _encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _claims(person: str, **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": person,
        "sid": f"session:{uuid4()}",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def _bad_tokens(api: ApiDesk) -> dict[str, str]:
    ours = load_or_make_key(api.settings.token_key_path)
    other = OKPKey.generate_key("Ed25519")
    person = api.people["admin"].id
    good = api.token("admin")
    header, payload, signature = good.split(".")
    none = {"alg": "none", "typ": TOKEN_TYPE, "kid": ours.kid}

    def signed(claims: dict[str, Any], key: OKPKey = ours, typ: str = TOKEN_TYPE) -> str:
        header = {"alg": ALGORITHM, "typ": typ, "kid": ours.kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    public = json.dumps(ours.as_dict(private=False)).encode()
    return {
        "garbage": "garbage",
        "dots": "..",
        "many dots": "a.b.c.d.e",
        "no signature": f"{header}.{payload}.",
        "changed signature": f"{header}.{payload}.{'A' * len(signature)}",
        "changed claims": f"{header}.{_encoded(_claims(str(person)))}.{signature}",
        "alg none": f"{_encoded(none)}.{_encoded(_claims(str(person)))}.",
        "alg none, signed": f"{_encoded(none)}.{payload}.{signature}",
        "public key as a shared secret": jwt.encode(
            {"alg": "HS256", "typ": TOKEN_TYPE, "kid": ours.kid},
            _claims(str(person)),
            OctKey.import_key(public),
            algorithms=["HS256"],
        ),
        "another key": signed(_claims(str(person)), other),
        "a key of no name": jwt.encode(
            {"alg": ALGORITHM, "typ": TOKEN_TYPE}, _claims(str(person)), ours, algorithms=[ALGORITHM]
        ),
        "expired": AccessTokens(KeyRing(api.settings.token_key_path), timedelta(seconds=-1)).make(
            person, api.sessions["admin"]
        ),
        "without an end": signed(_claims(str(person), exp=None)),
        "another issuer": signed(_claims(str(person), iss="somebody")),
        "another audience": signed(_claims(str(person), aud="somebody")),
        "another kind of token": signed(_claims(str(person)), typ="JWT"),
        "of nobody": signed(_claims(str(person), sub=None)),
        "of no session": signed(_claims(str(person), sid=None)),
        "of no id": signed(_claims(str(person), sid="session:admin")),
        "of no kind": signed(_claims(str(person), sid=str(uuid4()))),
        "of a number": signed(_claims(str(person), sid=7)),
        "of a session that nobody has": signed(_claims(str(person))),
        "of a key that nobody has": signed(_claims(str(person), sid=f"key:{uuid4()}")),
        "header is a list": f"{_encoded([])}.{payload}.{signature}",
        "very long": "a" * 15_000,
    }


async def test_only_a_valid_token_of_ours_signs_in(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    assert (await me(nobody, api.token("admin"))).status_code == 200

    for kind, token in _bad_tokens(api).items():
        answer = await me(nobody, token)
        assert answer.status_code == 401, kind
        assert_problem(answer, 401, "unauthenticated")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YTpi", "", "bearer\tx", "Bearer \xe9\xff"])
async def test_another_header_does_not_sign_in(nobody: httpx2.AsyncClient, header: str) -> None:
    answer = await nobody.get("/api/auth/me", headers=[(b"authorization", header.encode("latin-1"))])

    assert_problem(answer, 401, "unauthenticated")


async def test_a_deactivated_person_is_signed_out_at_once(
    api: ApiDesk, nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    new = {"email": "leaving@example.com", "name": "Leaving", "role": "agent", "password": PASSWORD}
    person = (await admin.post("/api/users", json=new)).json()
    token = (await login(nobody, "leaving@example.com")).json()["access_token"]
    assert (await me(nobody, token)).status_code == 200

    await admin.patch(f"/api/users/{person['id']}", json={"is_active": False})

    assert_problem(await me(nobody, token), 401, "unauthenticated")


async def test_what_a_person_may_do_to_a_ticket_ends_with_the_change_of_their_account(
    api: ApiDesk, nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    new = {"email": "moving@example.com", "name": "Moving", "role": "agent", "password": PASSWORD, "teams": ["support"]}
    person = (await admin.post("/api/users", json=new)).json()
    token = (await login(nobody, "moving@example.com")).json()["access_token"]
    number = (await opened(admin, team="support"))["number"]

    async def note() -> httpx2.Response:
        body, headers = {"body": "hello", "internal": True}, {"Authorization": f"Bearer {token}"}
        return await nobody.post(f"/api/tickets/{number}/replies", json=body, headers=headers)

    assert (await note()).status_code == 201

    await admin.patch(f"/api/users/{person['id']}", json={"teams": ["billing"]})
    assert_problem(await note(), 404, "ticket_not_found")

    await admin.patch(f"/api/users/{person['id']}", json={"is_active": False})
    assert_problem(await note(), 401, "unauthenticated")


async def test_the_key_is_kept_and_only_its_owner_may_read_it(api: ApiDesk) -> None:
    path = api.settings.token_key_path

    assert path.stat().st_mode & 0o777 == 0o600
    again = AccessTokens(KeyRing(path), timedelta(minutes=1))
    assert again.check(api.token("agent"))[0] == api.sessions["agent"]


async def test_without_signing_in_nothing_is_told(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    for path, operations in api.app.openapi()["paths"].items():
        for method, operation in operations.items():
            if operation["operationId"] in PUBLIC:
                continue
            form = "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
            body: dict[str, Any] = {"files": {"file": b"x"}} if form else {"json": {}}
            answer = await nobody.request(method, path.replace("{number}", "1").replace("{person}", "1"), **body)
            assert answer.status_code == 401, (method, path, answer.text)
