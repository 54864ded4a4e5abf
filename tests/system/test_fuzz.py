"""A short run of made-up requests against a whole running system; `make fuzz` makes a long one."""

import pytest

from operations.fuzz.__main__ import EVERYBODY, fuzz_everybody


@pytest.mark.timeout(600)
async def test_made_up_requests_meet_no_fault_and_no_answer_that_is_not_documented() -> None:
    for one in await fuzz_everybody(EVERYBODY, phases=("fuzzing",), examples=2, seed=20261126):
        assert one.failures == 0, one.told
        assert one.operations > 100
        assert one.requests > one.operations
