"""Runs the API: `python -m api`."""

import logging
import sys

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from api.app import create_app
from api.http.http_protocol import BoundedHeadProtocol
from integrations.provider_settings import ProviderFileError
from settings import Settings, UnsafeSettingsError, refuse_unsafe

DRAIN_SECONDS = 10


class DrainingServer(uvicorn.Server):
    """Ends the event streams first: the server waits for open responses before the app's own shutdown runs."""

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        app = self.config.app
        if isinstance(app, FastAPI) and hasattr(app.state, "desk"):
            app.state.desk.feed.drain()
        await super().shutdown(sockets)  # type: ignore[arg-type]


def server_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """How the app is served. `request.client` is who the trusted proxies say it is, and nobody else's word counts."""
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http=BoundedHeadProtocol,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


def main() -> None:
    settings = Settings()
    try:
        refuse_unsafe(settings)
        app = create_app(settings)
    except (UnsafeSettingsError, ProviderFileError) as error:
        sys.exit(str(error))
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    DrainingServer(server_config(settings, app)).run()


if __name__ == "__main__":
    main()
