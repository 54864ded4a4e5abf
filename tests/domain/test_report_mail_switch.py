"""Whoever gets a mailed report may leave it and come back, and nothing is done to whom a link does not apply."""

from uuid import uuid4

import pytest

from domain.ids import ReportMailId
from domain.report_mail_switch import Receiving, ReportMailSwitch
from tests.factories import AGENT

LEAVE = ReportMailSwitch(AGENT, ReportMailId(uuid4()))


@pytest.mark.parametrize(
    ("switch", "standing", "changes"),
    [
        (LEAVE, Receiving.GETS, True),
        (LEAVE, Receiving.LEFT, False),
        (LEAVE, None, False),
        (LEAVE.way_back, Receiving.LEFT, True),
        (LEAVE.way_back, Receiving.GETS, False),
        (LEAVE.way_back, None, False),
    ],
)
def test_it_changes_something_for_whom_it_is_meant(
    switch: ReportMailSwitch, standing: Receiving | None, changes: bool
) -> None:
    assert switch.changes(standing) is changes


def test_the_way_back_of_the_way_back_is_the_way() -> None:
    assert LEAVE.way_back != LEAVE
    assert LEAVE.way_back.way_back == LEAVE
