"""Which web pages of other origins may call the API: those that the operator names in CORS_ORIGINS, and no other."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-API-Key",
    "X-CSRF-Token",
)
EXPOSED_HEADERS = ("ETag", "Location", "Retry-After")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def cross_origin(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """The app, open to pages of these origins, cookies included; the app itself when there are none."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_credentials=True,
        allow_methods=METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
    )
