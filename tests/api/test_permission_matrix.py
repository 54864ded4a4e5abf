"""Who may do what, by asking: every operation as every role, on a ticket that is theirs, their team's, a stranger's."""

import os
from pathlib import Path

from settings import ROOT
from tests.api.desk_api import ApiDesk
from tests.api.permission_matrix import matrix

PAGE: Path = ROOT / "docs" / "permissions.md"
BEGIN, END = "<!-- matrix -->\n", "<!-- end of matrix -->\n"


async def test_everybody_gets_in_where_the_page_says_and_nowhere_else(api: ApiDesk) -> None:
    """The page was read by people; this holds the code to it. WRITE_PERMISSIONS=1 writes what is, for them to read."""
    found = await matrix(api)
    before, rest = PAGE.read_text().split(BEGIN)
    stated, after = rest.split(END)
    if os.environ.get("WRITE_PERMISSIONS"):
        PAGE.write_text(before + BEGIN + found + END + after)

    assert found.splitlines() == stated.splitlines()
