"""A browser's session: a cookie that no script can read, and what has to come beside it with every change.

The cookie names a session and carries its secret, of which the database has only the SHA-256. A browser sends cookies
with every request, also with one that a foreign page made; so whatever changes something has to bring two proofs that
it comes from our own pages: the header `X-CSRF-Token`, whose value is derived from the secret and stands in a cookie
that our scripts can read, and, as far as the browser sends them, `Sec-Fetch-Site` and `Origin` that say so too.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request, Response

from database.credentials import CredentialId
from domain.errors import CrossSiteError, UnauthenticatedError

SESSION_COOKIE = "__Host-session"
READS = frozenset({"decode_payloads", "encode_payloads"})
CSRF_COOKIE = "__Host-csrf"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class BrowserSecret(NamedTuple):
    """What the cookie carries."""

    session: UUID
    secret: str

    def __str__(self) -> str:
        return f"{self.session.hex}.{self.secret}"

    @property
    def credential(self) -> CredentialId:
        return CredentialId("session", self.session)

    @property
    def hash(self) -> bytes:
        return secret_hash(self.secret)

    @property
    def csrf_token(self) -> str:
        return hmac.new(self.secret.encode(), b"csrf", hashlib.sha256).hexdigest()

    @classmethod
    def parse(cls, cookie: str) -> "BrowserSecret":
        """Raises UnauthenticatedError for a text that no cookie of ours has."""
        session, dot, secret = cookie.partition(".")
        refusal = UnauthenticatedError("This session's cookie is none of ours; sign in again.")
        if not dot or not secret.isascii():
            raise refusal
        try:
            return cls(UUID(hex=session), secret)
        except ValueError as error:
            raise refusal from error


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def set_cookies(response: Response, secret: BrowserSecret, until: datetime) -> None:
    """Hand the session to the browser. The prefix `__Host-` ties both cookies to this host, HTTPS and the path /."""
    response.set_cookie(
        SESSION_COOKIE, str(secret), expires=until, path="/", secure=True, httponly=True, samesite="lax"
    )
    response.set_cookie(
        CSRF_COOKIE, secret.csrf_token, expires=until, path="/", secure=True, httponly=False, samesite="lax"
    )


def clear_cookies(response: Response) -> None:
    response.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    response.delete_cookie(CSRF_COOKIE, path="/", secure=True, httponly=False, samesite="lax")


def check_same_site(request: Request, public_base: str) -> None:
    """Raises CrossSiteError when the browser says that another site's page made the request."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        raise CrossSiteError("This request was made by another site's page.")
    ours = {request.headers.get("Host", ""), urlsplit(public_base).netloc}
    if origin is not None and urlsplit(origin).netloc not in ours - {""}:
        raise CrossSiteError("This request was made by another site's page.")


def check_from_our_pages(request: Request, secret: BrowserSecret, public_base: str) -> None:
    """Raises CrossSiteError for a change without both proofs; reading takes none.

    The codec's operations read, although they are POSTs: the engine's Web UI, which is at another origin, can send no
    header of ours, and whose pages may read the answers is decided by their origin.
    """
    if request.method in SAFE_METHODS or request.scope["route"].name in READS:
        return
    check_same_site(request, public_base)
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), secret.csrf_token.encode()):
        raise CrossSiteError(f"Send the value of the cookie {CSRF_COOKIE} as {CSRF_HEADER}.")
