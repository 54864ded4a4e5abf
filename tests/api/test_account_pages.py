"""Links in mails lead to pages that change nothing until a button is pressed."""

import re

import httpx2
import pytest

from api.account_pages import FILES, HEADERS
from domain.account_mail import LinkPurpose

LOADED = re.compile(r'(?:src|href)="([^"]*)"')


@pytest.mark.parametrize("purpose", LinkPurpose)
async def test_every_link_has_its_page_with_a_button(nobody: httpx2.AsyncClient, purpose: LinkPurpose) -> None:
    answer = await nobody.get(f"/account/{purpose}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f'data-post="../api/auth/{purpose}"' in answer.text
    assert '<button type="submit">' in answer.text


@pytest.mark.parametrize("purpose", LinkPurpose)
async def test_a_page_needs_nothing_but_what_is_beside_it(nobody: httpx2.AsyncClient, purpose: LinkPurpose) -> None:
    """So that it works under its own policy, which allows nothing inline."""
    page = (await nobody.get(f"/account/{purpose}")).text
    loaded = LOADED.findall(page)
    assert sorted(loaded) == ["account.css", "account.js"]
    for name in loaded:
        assert (await nobody.get(f"/account/{name}")).status_code == 200
    assert not re.search(r"<style|style=|<script(?! src)| on\w+=", page)


@pytest.mark.parametrize("purpose", LinkPurpose)
async def test_a_form_gives_nothing_away_without_its_script(nobody: httpx2.AsyncClient, purpose: LinkPurpose) -> None:
    page = (await nobody.get(f"/account/{purpose}")).text
    assert 'form method="post"' in page
    assert not re.search(r"<input[^>]* name=", page)


@pytest.mark.parametrize("path", FILES)
async def test_nothing_is_framed_guessed_or_told_on(nobody: httpx2.AsyncClient, path: str) -> None:
    headers = (await nobody.get(f"/account/{path}")).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "set-cookie" not in headers


@pytest.mark.parametrize("path", ["", "x", "../settings.py", "%2e%2e/account_pages.py", "verify-email.html"])
async def test_nothing_else_is_there(nobody: httpx2.AsyncClient, path: str) -> None:
    assert (await nobody.get(f"/account/{path}")).status_code == 404
