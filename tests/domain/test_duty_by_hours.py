"""The duty of somebody without shifts, who works by hours."""

from datetime import timedelta

from domain.business_calendar import BusinessCalendar, Span
from domain.duty import Duty, duty_by
from tests.factories import NOW

HOUR = timedelta(hours=1)
OFFICE = BusinessCalendar(zone="UTC", week=((Span(since=8 * 60, until=16 * 60),),) * 5 + ((), ()))
"""NOW is a Monday at nine."""


def test_within_the_hours_they_are_on_until_the_end() -> None:
    assert duty_by(OFFICE, NOW) == Duty(
        is_planned=True,
        on_shift=True,
        free_until=NOW + 7 * HOUR,
        shift_ends_at=NOW + 7 * HOUR,
        next_on_at=NOW + 23 * HOUR,
    )


def test_outside_of_them_they_come_back_at_the_next_opening() -> None:
    friday_evening = NOW + 4 * 24 * HOUR + 10 * HOUR

    assert duty_by(OFFICE, friday_evening) == Duty(is_planned=True, next_on_at=NOW + 7 * 24 * HOUR - HOUR)


def test_who_works_always_goes_on() -> None:
    assert duty_by(BusinessCalendar(zone="UTC", always_open=True), NOW) == Duty(is_planned=True, on_shift=True)
