"""What every answer tells browsers to refrain from. Plain ASGI: set once when an answer starts, streams pass untouched.

A header that a route has set itself stays as it is.
"""

import base64
import hashlib
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; frame-ancestors 'none'"
DOCS = "/docs"
DOCS_PARTS = "/swagger/"
HSTS_SECONDS = 31_536_000
ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """Around everything else, so that refusals and faults have the headers as well."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        always = ALWAYS
        if is_https:
            always += ((b"strict-transport-security", f"max-age={HSTS_SECONDS}".encode()),)
        self._answers = (*always, (b"content-security-policy", NOTHING.encode()), (b"cache-control", b"no-store"))
        self._documents = (*always, (b"content-security-policy", NOTHING.encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path == DOCS:
            await self._app(scope, receive, _docs(send, self._documents))
            return
        headers = self._documents if path.startswith(DOCS_PARTS) else self._answers

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with(message.get("headers", []), headers)
            await send(message)

        await self._app(scope, receive, hardened)


def _with(given: list[tuple[bytes, bytes]], headers: tuple[tuple[bytes, bytes], ...]) -> list[tuple[bytes, bytes]]:
    names = {name for name, _ in given}
    return [*given, *(header for header in headers if header[0] not in names)]


def _docs(send: Send, headers: tuple[tuple[bytes, bytes], ...]) -> Send:
    """The page that shows the API runs scripts of its own: the bundle that we serve, and one in the page, by its hash.

    Its answer is held back until the page is there to be hashed.
    """
    held: list[Message] = []

    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            held.append(message)
            return
        if held:
            start = held.pop()
            policy = (b"content-security-policy", _policy_of(message.get("body", b"")).encode())
            start["headers"] = _with([*start.get("headers", []), policy], headers)
            await send(start)
        await send(message)

    return hardened


def _policy_of(page: bytes) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in INLINE_SCRIPT.findall(page)]
    scripts = " ".join(["'self'", *(f"'sha256-{each}'" for each in hashes)])
    # Swagger's page sets styles on its elements.
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
