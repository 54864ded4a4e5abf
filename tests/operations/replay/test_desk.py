import pytest

from operations.replay.desk import Desk, DeskError, Person
from tests.operations.replay.fake_desk import FakeDesk

pytestmark = pytest.mark.asyncio


async def signed_in(desk: Desk) -> Person:
    person = Person("ann@example.com", "secret")
    await desk.sign_in(person)
    return person


@pytest.mark.parametrize("busy", [202, 429, 502, 503, 504])
async def test_a_request_is_repeated_until_it_is_answered_and_has_one_effect(
    desk: Desk, fake: FakeDesk, busy: int
) -> None:
    person = await signed_in(desk)
    fake.busy = [busy]

    answer = await desk.ask("open", "POST", "/tickets", person, {"title": "Help"}, key="k")

    assert answer == {"number": 1001}
    assert fake.effects == [("POST", "/tickets", {"title": "Help"})]
    assert desk.figures.retries == {str(busy): 1}
    assert len(desk.figures.latencies_s["open"]) == 1


async def test_a_refusal_is_an_error_with_its_status(desk: Desk) -> None:
    person = await signed_in(desk)

    with pytest.raises(DeskError, match=r"409.*illegal_transition") as refusal:
        await desk.ask("close", "POST", "/refused", person)

    assert refusal.value.status == 409


async def test_an_expired_token_is_taken_anew(desk: Desk, fake: FakeDesk) -> None:
    person = await signed_in(desk)
    fake.tokens.clear()

    await desk.ask("open", "POST", "/tickets", person)

    assert fake.sign_ins["ann@example.com"] == 2


async def test_a_desk_that_stays_silent_is_given_up(desk: Desk, fake: FakeDesk) -> None:
    person = await signed_in(desk)
    hasty = Desk(desk.session, desk.address, desk.figures, patience_s=0)
    fake.busy = [503] * 10

    with pytest.raises(DeskError, match="no answer in 0 s, last"):
        await hasty.ask("open", "POST", "/tickets", person)
