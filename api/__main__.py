"""Runs the API: `python -m api`."""

import logging
import sys

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from settings import Settings, UnsafeSettingsError, refuse_unsafe

DRAIN_SECONDS = 10


class DrainingServer(uvicorn.Server):
    """Ends the event streams first: the server waits for open responses before the app's own shutdown runs."""

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        app = self.config.app
        if isinstance(app, FastAPI) and hasattr(app.state, "desk"):
            app.state.desk.feed.drain()
        await super().shutdown(sockets)  # type: ignore[arg-type]


def main() -> None:
    settings = Settings()
    try:
        refuse_unsafe(settings)
    except UnsafeSettingsError as error:
        sys.exit(str(error))
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = uvicorn.Config(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    DrainingServer(config).run()


if __name__ == "__main__":
    main()
