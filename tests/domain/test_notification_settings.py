"""Quiet hours, digests and what may be chosen, on the clocks of the world."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.business_calendar import time_zone
from domain.errors import InvalidError
from domain.notification import Channel, Choice, Mode, NotificationType, default_choices
from domain.notification_settings import (
    NotificationSettings,
    Preferences,
    allowed_modes,
    changed,
    digest_after,
    digest_before,
    local_date,
    quiet_end,
)
from domain.people import Role

NIGHT: dict[str, Any] = {"quiet_from": time(22), "quiet_until": time(7)}


def berlin(text: str, fold: int = 0) -> datetime:
    """A moment by Berlin's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=time_zone("Europe/Berlin"), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        (NIGHT, "2030-01-07 21:59:59", None),
        (NIGHT, "2030-01-07 22:00", "2030-01-08 07:00"),
        (NIGHT, "2030-01-08 00:00", "2030-01-08 07:00"),
        (NIGHT, "2030-01-08 06:59:59", "2030-01-08 07:00"),
        (NIGHT, "2030-01-08 07:00", None),
        ({"quiet_from": time(12), "quiet_until": time(13)}, "2030-01-07 12:30", "2030-01-07 13:00"),
        ({"quiet_from": time(12), "quiet_until": time(13)}, "2030-01-07 11:30", None),
        ({"quiet_from": time(0), "quiet_until": time(6)}, "2030-01-07 00:00", "2030-01-07 06:00"),
        ({"quiet_from": time(20), "quiet_until": time(0)}, "2030-01-07 23:59", "2030-01-08 00:00"),
        ({}, "2030-01-07 03:00", None),
    ],
)
def test_quiet_hours_are_over_when_their_clock_says_so(hours: dict[str, Any], at: str, until: str | None) -> None:
    settings = NotificationSettings(zone="Europe/Berlin", **hours)
    assert quiet_end(settings, berlin(at)) == (None if until is None else berlin(until))


def test_a_night_in_which_the_clocks_go_forward_is_an_hour_shorter() -> None:
    settings = NotificationSettings(zone="Europe/Berlin", **NIGHT)
    evening = berlin("2030-03-30 22:00")
    end = quiet_end(settings, evening)
    assert end == berlin("2030-03-31 07:00")
    assert end - evening == timedelta(hours=8)


def test_quiet_hours_whose_end_is_skipped_end_at_the_skip() -> None:
    settings = NotificationSettings(zone="Europe/Berlin", quiet_from=time(22), quiet_until=time(2, 30))
    assert quiet_end(settings, berlin("2030-03-31 01:59")) == berlin("2030-03-31 03:00")


def test_an_hour_that_is_repeated_is_quiet_twice() -> None:
    settings = NotificationSettings(zone="Europe/Berlin", quiet_from=time(22), quiet_until=time(2, 30))
    first_end = berlin("2030-10-27 02:30")
    assert quiet_end(settings, berlin("2030-10-27 02:00")) == first_end
    assert quiet_end(settings, first_end) is None
    again = berlin("2030-10-27 02:00", fold=1)
    assert quiet_end(settings, again) == again + timedelta(minutes=30)


def test_quiet_hours_are_those_of_the_own_zone() -> None:
    at = datetime(2030, 1, 7, 23, 0, tzinfo=UTC)
    assert quiet_end(NotificationSettings(zone="UTC", **NIGHT), at) == datetime(2030, 1, 8, 7, tzinfo=UTC)
    assert quiet_end(NotificationSettings(zone="America/New_York", **NIGHT), at) is None


@pytest.mark.parametrize(
    ("at", "before", "after"),
    [
        ("2030-01-07 07:59", "2030-01-06 08:00", "2030-01-07 08:00"),
        ("2030-01-07 08:00", "2030-01-07 08:00", "2030-01-08 08:00"),
        ("2030-03-31 00:30", "2030-03-30 08:00", "2030-03-31 08:00"),
    ],
)
def test_a_digest_comes_daily_by_the_own_clock(at: str, before: str, after: str) -> None:
    settings = NotificationSettings(zone="Europe/Berlin")
    assert digest_before(settings, berlin(at)) == berlin(before)
    assert digest_after(settings, berlin(at)) == berlin(after)


def test_a_digest_at_a_time_that_is_skipped_comes_at_the_skip_and_one_that_is_repeated_once() -> None:
    settings = NotificationSettings(zone="Europe/Berlin", digest_at=time(2, 30))
    assert digest_after(settings, berlin("2030-03-31 00:00")) == berlin("2030-03-31 03:00")
    first = berlin("2030-10-27 02:30")
    assert digest_after(settings, berlin("2030-10-27 00:00")) == first
    assert digest_after(settings, first) == berlin("2030-10-28 02:30")


def test_where_a_date_was_left_out_the_digest_of_the_next_day_is_next() -> None:
    settings = NotificationSettings(zone="Pacific/Apia")
    eve = datetime(2011, 12, 30, 9, 0, tzinfo=UTC)  # 23:00 on the 29th; the 30th never came
    assert local_date(settings, digest_after(settings, eve)) == date(2011, 12, 31)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"quiet_from": time(22)}, "both"),
        ({"quiet_until": time(7)}, "both"),
        ({"quiet_from": time(22), "quiet_until": time(22)}, "another time"),
    ],
)
def test_quiet_hours_are_given_whole(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidError, match=says):
        changed(NotificationSettings(), changes)


@pytest.mark.parametrize(
    "settings",
    [
        {"zone": "Mars/Olympus"},
        {"bundle_minutes": -1},
        {"bundle_minutes": 241},
        {"fallback_minutes": 0},
        {"fallback_minutes": 1441},
        {"digest_at": time(8, 0, 30)},
        {"digest_at": time(8, tzinfo=UTC)},
    ],
)
def test_what_is_out_of_range_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NotificationSettings.model_validate(settings)


def test_a_change_leaves_the_rest_and_nothing_brings_the_default_back() -> None:
    mine = changed(NotificationSettings(), {"zone": "Europe/Berlin", "bundle_minutes": 10, **NIGHT})
    assert (mine.zone, mine.bundle_minutes, mine.quiet_until) == ("Europe/Berlin", 10, time(7))

    back = changed(mine, {"bundle_minutes": None, "quiet_from": None, "quiet_until": None})
    assert back == NotificationSettings(zone="Europe/Berlin")


def test_who_chose_nothing_has_the_defaults_of_their_role() -> None:
    chosen = {NotificationType.REPLIED: Choice(in_app=False)}
    preferences = Preferences.of(Role.REQUESTER, None, chosen)

    assert preferences.settings == NotificationSettings()
    assert preferences.choices[NotificationType.REPLIED] == Choice(in_app=False)
    assert preferences.chosen == {NotificationType.REPLIED}
    for type in set(NotificationType) - preferences.chosen:
        assert preferences.choices[type] == default_choices(Role.REQUESTER)[type]


@pytest.mark.parametrize("type", NotificationType)
@pytest.mark.parametrize("role", Role)
def test_every_default_is_a_choice_that_is_allowed(type: NotificationType, role: Role) -> None:
    choice = default_choices(role)[type]
    assert choice.email in allowed_modes(type, Channel.EMAIL)
    assert choice.push in allowed_modes(type, Channel.PUSH)


def test_only_mails_come_daily_and_no_mail_tells_of_a_digest() -> None:
    assert Mode.DAILY in allowed_modes(NotificationType.REPLIED, Channel.EMAIL)
    assert Mode.DAILY not in allowed_modes(NotificationType.REPLIED, Channel.PUSH)
    assert allowed_modes(NotificationType.DIGEST, Channel.EMAIL) == (Mode.OFF,)
