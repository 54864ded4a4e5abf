"""docs/notifications.md says of everything that anybody is told of who hears it, and why they may not have."""

from typing import get_args

import pytest

from domain.hearing import Cause
from domain.inbox import OF_STAFF, OF_TICKETS
from domain.notification import WHY, NotificationType
from settings import ROOT

PAGE = (ROOT / "docs" / "notifications.md").read_text()


@pytest.mark.parametrize(
    "word", [*NotificationType, *sorted({kind for _, kind in OF_TICKETS}), *OF_STAFF, *WHY, *get_args(Cause)]
)
def test_the_page_has_the_word(word: str) -> None:
    assert f"`{word}`" in PAGE
