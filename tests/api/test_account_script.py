"""The script of the pages that links in mails lead to, in an engine that runs such scripts."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from settings import ROOT

NODE = Path(sys.executable).parent / "node"
PAGE = Path(__file__).parent / "account_page.js"
SCRIPT = ROOT / "api" / "account_files" / "account.js"
YES = {"ok": True, "body": ""}


def pressed(hash: str = "#token=a.b-c_d", passwords: tuple[str, ...] = (), answer: Any = YES) -> dict[str, Any]:
    """What a page did when its button was pressed."""
    given = json.dumps({"hash": hash, "passwords": passwords, "answer": answer})
    ran = subprocess.run([NODE, PAGE, SCRIPT, given], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_opening_the_page_posts_nothing_and_takes_the_token_out_of_the_address() -> None:
    page = pressed()
    assert page["opened"] == {"posts": 0, "hidden": False}
    assert page["address"] == "/account/here"


def test_the_button_posts_the_token_once_without_cookies() -> None:
    page = pressed()
    (post,) = page["posts"]
    assert (post["address"], post["method"], post["credentials"]) == ("../api/auth/here", "POST", "omit")
    assert (json.loads(post["body"]), post["disabled"], page["prevented"]) == ({"token": "a.b-c_d"}, True, True)
    assert (page["said"], page["hidden"]) == ("Done.", True)


def test_a_new_password_goes_with_it() -> None:
    (post,) = pressed(passwords=("correct horse", "correct horse"))["posts"]
    assert json.loads(post["body"]) == {"token": "a.b-c_d", "password": "correct horse"}


def test_two_different_passwords_go_nowhere() -> None:
    page = pressed(passwords=("correct horse", "correct house"))
    assert (page["posts"], page["said"]) == ([], "The two passwords are not the same.")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"ok": False, "body": '{"detail": "The link has expired."}'}, "The link has expired."),
        ({"ok": False, "body": "<html>"}, "That did not work; try again in a moment."),
        (None, "The service desk does not answer; try again in a moment."),
    ],
)
def test_a_no_is_said_and_the_button_can_be_pressed_again(answer: Any, said: str) -> None:
    page = pressed(answer=answer)
    assert (page["said"], page["hidden"], page["disabled"]) == (said, False, False)


@pytest.mark.parametrize("hash", ["", "#", "#token=", "#other=1"])
def test_without_a_token_there_is_nothing_to_press(hash: str) -> None:
    page = pressed(hash)
    assert (page["hidden"], page["said"]) == (True, "Open this page by the link in the mail.")
