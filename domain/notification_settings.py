"""How somebody wants to be told: quiet hours in their own zone, how long is waited and collected, when the digest
comes.

Quiet hours follow the rule of business calendars: **it is quiet at an instant when the wall clock of the zone then
shows a time within them.** So an hour that the clocks repeat is quiet twice, and quiet hours whose end is skipped end
at the skip. They may run across midnight.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.business_calendar import DAY, BusinessCalendar, Span, Zone, closing, instant_of, time_zone
from domain.errors import InvalidError
from domain.notification import Channel, Choice, Mode, NotificationType, default_choices
from domain.people import Role


def _whole_minute(value: time) -> time:
    if value.tzinfo is not None or value.second or value.microsecond:
        raise ValueError("a time of the day is written as 22:00")
    return value


WallTime = Annotated[time, AfterValidator(_whole_minute)]
"""A time of the day by the person's own clock."""
BundleMinutes = Annotated[int, Field(ge=0, le=240)]
FallbackMinutes = Annotated[int, Field(ge=1, le=1440)]


class NotificationSettings(BaseModel):
    """What holds for all types. What nobody set is as it stands here.

    Refuses quiet hours of which only one end is given, and those that end when they begin.
    """

    model_config = ConfigDict(frozen=True)

    zone: Zone = "UTC"
    quiet_from: WallTime | None = None
    quiet_until: WallTime | None = None
    urgent_bypass: bool = True
    """Whether what is urgent comes in quiet hours too."""
    bundle_minutes: BundleMinutes = 2
    """How long mails are collected, and how long after a push there is no other one of its type."""
    fallback_minutes: FallbackMinutes = 15
    """How long something stays unread before the channels that are asked for then are used."""
    digest_at: WallTime = time(8)

    @model_validator(mode="after")
    def _quiet_hours_are_whole(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet hours need both `quiet_from` and `quiet_until`")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValueError("quiet hours end at another time than they begin")
        return self


def changed(settings: NotificationSettings, changes: Mapping[str, object]) -> NotificationSettings:
    """The settings with these fields changed; None brings a default back. Raises InvalidError for what does not go
    together."""
    merged = {**dict(settings), **changes}
    try:
        return NotificationSettings.model_validate({name: one for name, one in merged.items() if one is not None})
    except ValidationError as error:
        raise InvalidError(error.errors()[0]["msg"].removeprefix("Value error, ").capitalize() + ".") from error


class Preferences(NamedTuple):
    """Everything that somebody chose, and the defaults for the rest."""

    settings: NotificationSettings
    choices: Mapping[NotificationType, Choice]
    """For every type."""
    chosen: frozenset[NotificationType]
    """The types that they chose for themselves."""

    @classmethod
    def of(
        cls, role: Role, settings: NotificationSettings | None, chosen: Mapping[NotificationType, Choice]
    ) -> "Preferences":
        return cls(settings or NotificationSettings(), default_choices(role) | dict(chosen), frozenset(chosen))


_MODES = {
    Channel.EMAIL: (Mode.OFF, Mode.NOW, Mode.IF_UNREAD, Mode.DAILY),
    Channel.PUSH: (Mode.OFF, Mode.NOW, Mode.IF_UNREAD),
}
_BY_TYPE = {(NotificationType.DIGEST, Channel.EMAIL): (Mode.OFF,)}
"""The digest tells that a mail was sent; no mail tells of that."""


def allowed_modes(type: NotificationType, channel: Channel) -> tuple[Mode, ...]:
    """How a type may come by a channel other than the inbox."""
    return _BY_TYPE.get((type, channel), _MODES[channel])


def quiet_end(settings: NotificationSettings, at: datetime) -> datetime | None:
    """When the quiet hours that this instant lies in are over; None when it lies in none."""
    if settings.quiet_from is None or settings.quiet_until is None:
        return None
    return closing(_quiet_hours(settings.zone, settings.quiet_from, settings.quiet_until), at)


def digest_before(settings: NotificationSettings, at: datetime) -> datetime:
    """The last moment for a digest, up to and with this one."""
    today = local_date(settings, at)
    moments = (_digest_on(settings, day) for day in (today, today - DAY, today - 2 * DAY))
    return next(moment for moment in moments if moment <= at)


def digest_after(settings: NotificationSettings, at: datetime) -> datetime:
    """The next moment for a digest, after this one."""
    today = local_date(settings, at)
    moments = (_digest_on(settings, day) for day in (today, today + DAY, today + 2 * DAY))
    return next(moment for moment in moments if moment > at)


def local_date(settings: NotificationSettings, at: datetime) -> date:
    """The date in the person's zone."""
    return at.astimezone(time_zone(settings.zone)).date()


def _digest_on(settings: NotificationSettings, day: date) -> datetime:
    return instant_of(datetime.combine(day, settings.digest_at), settings.zone).astimezone(UTC)


@lru_cache(maxsize=1024)
def _quiet_hours(zone: Zone, since: time, until: time) -> BusinessCalendar:
    """Quiet hours as a calendar that is open in them."""
    span = Span(since=since.hour * 60 + since.minute, until=until.hour * 60 + until.minute)
    return BusinessCalendar(zone=zone, week=((span,),) * 7)
