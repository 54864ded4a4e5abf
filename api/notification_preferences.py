"""How one wants to be told of what: by which channel, when not, and what that would come to."""

from datetime import UTC, datetime, time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk
from database.notification_settings import SETTINGS
from domain.business_calendar import Zone
from domain.ids import NotificationId
from domain.notification import Channel, Choice, Mode, NotificationType
from domain.notification_decision import SENTENCES, Outcome, Reason
from domain.notification_plan import Unsettled
from domain.notification_preview import preview
from domain.notification_settings import BundleMinutes, FallbackMinutes, Preferences, allowed_modes
from domain.ticket import Priority
from domain.ticket_commands import Moment

router = AreaRouter(prefix="/notifications/preferences", tags=["notifications"])
ClockTime = Annotated[
    str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="By the own clock, as `22:00`.")
]
_TIMES = ("quiet_from", "quiet_until", "digest_at")
_NOWHERE = NotificationId(0)


class ChoiceIn(BaseModel):
    """How one is told of a type; whole, for it takes the place of what was chosen before."""

    model_config = ConfigDict(extra="forbid")
    in_app: bool
    email: Literal[Mode.OFF, Mode.NOW, Mode.IF_UNREAD, Mode.DAILY]
    push: Literal[Mode.OFF, Mode.NOW, Mode.IF_UNREAD]


class PreferencesEdit(BaseModel):
    """What to change; what is not named stays. `null` brings a default back, of a setting and of a type."""

    model_config = ConfigDict(extra="forbid")
    zone: Zone | None = None
    quiet_from: ClockTime | None = Field(default=None, description="Quiet hours need both ends, or neither.")
    quiet_until: ClockTime | None = Field(default=None, description="The next day's, when it is before `quiet_from`.")
    urgent_bypass: bool | None = None
    bundle_minutes: BundleMinutes | None = None
    fallback_minutes: FallbackMinutes | None = None
    digest_at: ClockTime | None = None
    types: dict[NotificationType, ChoiceIn | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _modes_are_allowed(self) -> "PreferencesEdit":
        for type, choice in self.types.items():
            if choice is not None and choice.email not in allowed_modes(type, Channel.EMAIL):
                raise ValueError(f"no mail tells of {type}: email can only be off")
        return self

    @property
    def settings(self) -> dict[str, object]:
        """What is named of the settings."""
        return {name: _read(name, getattr(self, name)) for name in SETTINGS if name in self.model_fields_set}

    @property
    def choices(self) -> dict[NotificationType, Choice | None]:
        return {
            type: None if choice is None else Choice(choice.in_app, choice.email, choice.push)
            for type, choice in self.types.items()
        }


class AllowedModes(BaseModel):
    email: list[Mode]
    push: list[Mode]


class TypePreference(BaseModel):
    """How one is told of a type."""

    type: NotificationType
    in_app: bool
    email: Mode
    push: Mode
    is_default: bool = Field(description="Nothing was chosen: the role's default holds, also when it changes.")
    allowed: AllowedModes


class PreferencesOut(BaseModel):
    """All of it: what was chosen, and the defaults for the rest (`docs/notification-preferences.md`)."""

    zone: str
    quiet_from: ClockTime | None
    quiet_until: ClockTime | None
    urgent_bypass: bool
    bundle_minutes: int
    fallback_minutes: int
    digest_at: ClockTime
    types: list[TypePreference]


class PreviewIn(BaseModel):
    """A notification that might come: its type, when (now, if nothing is said), and the priority of its ticket."""

    model_config = ConfigDict(extra="forbid")
    type: NotificationType
    at: Moment | None = None
    priority: Priority = Priority.NORMAL


class PreviewStep(BaseModel):
    """What would be decided by a channel, and when."""

    at: datetime
    channel: Channel
    outcome: Outcome
    reason: Reason
    says: str
    until: datetime | None


class PreviewOut(BaseModel):
    """What would become of it if nothing else came, nobody read it and nothing changed."""

    items: list[PreviewStep]


@router.get("")
async def get_notification_preferences(desk: InDesk, reader: AsReader) -> PreferencesOut:
    """One's own preferences, whole."""
    return _out(await desk.notification_settings.read(reader.id, reader.role))


@router.patch("")
async def set_notification_preferences(body: PreferencesEdit, desk: InDesk, reader: AsReader) -> PreferencesOut:
    """Change one's own preferences. What waits already is decided anew by them."""
    return _out(await desk.notification_settings.change(reader.id, reader.role, body.settings, body.choices))


@router.post("/preview")
async def preview_notification(body: PreviewIn, desk: InDesk, reader: AsReader) -> PreviewOut:
    """When which channel would tell of something, or why not, by one's own preferences as they are now."""
    facts = await desk.notification_plans.reach(reader.id)
    one = Unsettled(_NOWHERE, body.type, body.at or datetime.now(UTC), priority=body.priority)
    return PreviewOut(
        items=[
            PreviewStep(
                at=step.at,
                channel=step.channel,
                outcome=step.decision.outcome,
                reason=step.decision.reason,
                says=SENTENCES[step.decision.reason],
                until=step.decision.until,
            )
            for step in preview(facts, one)
        ]
    )


def _read(name: str, value: object) -> object:
    return time.fromisoformat(str(value)) if name in _TIMES and value is not None else value


def _said(value: object) -> object:
    return f"{value:%H:%M}" if isinstance(value, time) else value


def _out(preferences: Preferences) -> PreferencesOut:
    types = [
        TypePreference(
            type=type,
            in_app=choice.in_app,
            email=choice.email,
            push=choice.push,
            is_default=type not in preferences.chosen,
            allowed=AllowedModes(
                email=list(allowed_modes(type, Channel.EMAIL)), push=list(allowed_modes(type, Channel.PUSH))
            ),
        )
        for type, choice in preferences.choices.items()
    ]
    settings = {name: _said(value) for name, value in preferences.settings}
    return PreferencesOut.model_validate({**settings, "types": types})
