"""The language of refusals.

DomainError                  code for machines, sentence for people
├── NotFoundError            it is not there, or not yours to see        404
├── ForbiddenError           you may see it, but not do this             403
├── ConflictError            illegal now                                 409
│   ├── TicketClosedError, IllegalTransitionError, ReopenWindowPassedError, AlreadyAssignedError, ...
├── StaleRevisionError       someone was quicker (`If-Match`)            412
├── InvalidError             malformed, or names something unknown       422
│   ├── UnsupportedMediaTypeError                                        415
│   └── ContentTooLargeError                                             413
├── UnauthenticatedError     no valid sign-in                            401
└── TooManyAttemptsError     wait, and try again (`Retry-After`)         429

`api/http/problems.py` maps the families to HTTP in one table; between worker and API an error travels as its code.
"""

from typing import ClassVar


class DomainError(Exception):
    """A refusal with a stable `code` and a sentence (`detail`) that a person can act on."""

    code: ClassVar[str] = "refused"
    by_code: ClassVar[dict[str, type["DomainError"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if DomainError.by_code.setdefault(cls.code, cls) is not cls and "code" in cls.__dict__:
            raise TypeError(f"two errors share the code {cls.code!r}")

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFoundError(DomainError):
    code = "not_found"


class TicketNotFoundError(NotFoundError):
    code = "ticket_not_found"


class NotificationNotFoundError(NotFoundError):
    """There is no such notification, or it is somebody else's."""

    code = "notification_not_found"


class ForbiddenError(DomainError):
    code = "forbidden"


class UnauthenticatedError(DomainError):
    code = "unauthenticated"


class InvalidCredentialsError(UnauthenticatedError):
    code = "invalid_credentials"


class SecondFactorRequiredError(UnauthenticatedError):
    """The password was right; a code of the second factor has to come with it."""

    code = "second_factor_required"


class SecondFactorInvalidError(UnauthenticatedError):
    """The password was right, and the code was wrong, too old, or used already."""

    code = "second_factor_invalid"


class RefreshInvalidError(UnauthenticatedError):
    """The refresh token is none of ours, or its session is over."""

    code = "refresh_token_invalid"


class RefreshReusedError(UnauthenticatedError):
    """The refresh token was used before, so somebody has a copy of it: its session has ended."""

    code = "refresh_token_reused"


class EmailNotVerifiedError(ForbiddenError):
    """The password was right, and the link in the mail was not used yet."""

    code = "email_not_verified"


class CrossSiteError(ForbiddenError):
    """A change that came with a session's cookie, and without what proves that it comes from our own pages."""

    code = "cross_site"


class TooManyAttemptsError(DomainError):
    """Tried too often of late."""

    code = "too_many_attempts"

    def __init__(self, detail: str, retry_after_seconds: int = 60) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class SignInDeniedError(UnauthenticatedError):
    """The identity provider, or the person there, said no."""

    code = "sign_in_denied"


class SignInExpiredError(UnauthenticatedError):
    """The sign-in was not begun in this browser, took too long, or was ended once already."""

    code = "sign_in_expired"


class ProviderAnswerError(UnauthenticatedError):
    """What the identity provider answered proves nothing."""

    code = "provider_answer"


class IdentityIncompleteError(ForbiddenError):
    """The identity provider says less than an account needs."""

    code = "identity_incomplete"


class AccountInactiveError(ForbiddenError):
    code = "account_inactive"


class ProviderDownError(DomainError):
    """The identity provider does not answer, or not as one does."""

    code = "provider_down"


class AttachmentNotFoundError(NotFoundError):
    """The ticket has no such file, or not for this reader, or not any more."""

    code = "attachment_not_found"


class ConflictError(DomainError):
    code = "conflict"


class AddressNotTrustedError(ConflictError):
    """Somebody has this address already, and the identity does not prove to be theirs."""

    code = "address_not_trusted"


class TicketClosedError(ConflictError):
    code = "ticket_closed"


class IllegalTransitionError(ConflictError):
    code = "illegal_transition"


class ReopenWindowPassedError(ConflictError):
    code = "reopen_window_passed"


class AlreadyAssignedError(ConflictError):
    code = "already_assigned"


class TeamInactiveError(ConflictError):
    """The team takes no tickets any more."""

    code = "team_inactive"


class OfferGoneError(ConflictError):
    """The ticket is not offered to this person, or not any more."""

    code = "offer_gone"


class OverCapacityError(ConflictError):
    """The person carries as much as they can."""

    code = "over_capacity"


class AssigneeUnavailableError(ConflictError):
    """The person is no active agent, or not in the ticket's team."""

    code = "assignee_unavailable"


class TicketResolvedError(ConflictError):
    code = "ticket_resolved"


class TicketNotResolvedError(ConflictError):
    code = "ticket_not_resolved"


class RatingWindowPassedError(ConflictError):
    """The ticket was resolved too long ago to be rated."""

    code = "rating_window_passed"


class OwnWorkError(ForbiddenError):
    """Nobody rates what they did themselves."""

    code = "own_work"


class EscalationLimitError(ConflictError):
    code = "escalation_limit"


class NotSnoozedError(ConflictError):
    code = "not_snoozed"


class NoSuchMomentError(ConflictError):
    """The ticket does not wait for the moment, or not any more."""

    code = "no_such_moment"


class MomentFixedError(ConflictError):
    code = "moment_fixed"


class RolloutStateError(ConflictError):
    """The rollout is not at the stage that this needs, or another one stands in its way."""

    code = "rollout_state"


class PreviewOutdatedError(ConflictError):
    """The preview is too old, or the policy or calendar was changed since."""

    code = "preview_outdated"


class AlreadyExistsError(ConflictError):
    code = "already_exists"


class CalendarInUseError(ConflictError):
    """A policy, or the clock of an open ticket, counts by the calendar."""

    code = "calendar_in_use"


class PolicyUnreachableError(ConflictError):
    """Policies above it take every ticket that a policy is for."""

    code = "policy_unreachable"


class AgentOwnsTicketsError(ConflictError):
    """Somebody who is to leave the desk owns open tickets."""

    code = "agent_owns_tickets"


class TeamInUseError(ConflictError):
    """Open tickets are the team's, or a policy names it."""

    code = "team_in_use"


class LimitReachedError(ConflictError):
    """There are as many of these as there may be."""

    code = "limit_reached"


class KeyOverError(ConflictError):
    """The key was revoked or has expired."""

    code = "key_over"


class WebhookDisabledError(ConflictError):
    """Nothing is sent to a webhook that is not enabled."""

    code = "webhook_disabled"


class WebhookOfLadderError(ConflictError):
    """The webhook came with an escalation ladder, which alone says where it leads and of what it hears."""

    code = "webhook_of_ladder"


class ShiftOverlapError(ConflictError):
    """The agent has another shift at that time."""

    code = "shift_overlap"


class BreakOverlapError(ConflictError):
    """The shift has another break at that time."""

    code = "break_overlap"


class ShiftStateError(ConflictError):
    """The shift, or its break, was started, ended or cancelled, and this needs another one."""

    code = "shift_state"


class TimeOffError(ConflictError):
    """The agent has time off then, or asked for it; or the time off was decided on already."""

    code = "time_off"


class ShiftRequestStateError(ConflictError):
    """Somebody was quicker, or the request was withdrawn, decided on, or is too late."""

    code = "shift_request_state"


class ShiftNotFoundError(NotFoundError):
    """There is no such shift, or it is somebody else's."""

    code = "shift_not_found"


class BreakNotFoundError(NotFoundError):
    """There is no such break in the shift, or it was cancelled."""

    code = "break_not_found"


class ShiftTooEarlyError(ConflictError):
    """The shift begins too long from now to be started by hand."""

    code = "shift_too_early"


class ShiftOverError(ConflictError):
    code = "shift_over"


class ShiftOnError(ConflictError):
    """Another shift is on."""

    code = "shift_on"


class ShiftNotOnError(ConflictError):
    code = "shift_not_on"


class NotAtWorkError(ConflictError):
    """The break belongs to no shift that is on, or its taker is offline."""

    code = "not_at_work"


class BreakOnError(ConflictError):
    """Another break is on."""

    code = "break_on"


class BreakNotOnError(ConflictError):
    code = "break_not_on"


class BreakOverError(ConflictError):
    code = "break_over"


class TooManyWatchersError(ConflictError):
    code = "too_many_watchers"


class StaleRevisionError(DomainError):
    code = "stale_revision"


class InvalidError(DomainError):
    code = "invalid"


class RevisionMismatchError(DomainError):
    """A change was decided on another revision than the row has: its decider must load the ticket again."""

    code = "revision_mismatch"


class UnfitChangeError(ConflictError):
    """The database's own rules refuse a change that ours allowed: a fault, but one that no retry mends."""

    code = "unfit_change"


class PasswordRefusedError(InvalidError):
    """The password is one of those that are guessed first."""

    code = "password_refused"


class PayloadUnreadableError(InvalidError):
    """A payload of the engine is not what was encrypted, or its key is not known."""

    code = "payload_unreadable"


class UnknownReferenceError(InvalidError):
    """The command names a team, category, person or text that does not exist."""

    code = "unknown_reference"


class MentionRefusedError(InvalidError):
    """A reply or a note mentions, by id, somebody whom its writer may not mention in it."""

    code = "mention_refused"


class MomentPassedError(InvalidError):
    code = "moment_passed"


class BreakOutsideShiftError(InvalidError):
    code = "break_outside_shift"


class RotaRuleError(InvalidError):
    """The rule of a rota is none, or not one that a rota can follow."""

    code = "rota_rule"


class UnsupportedMediaTypeError(InvalidError):
    """A kind of file that is not taken, or whose content is not what its name says."""

    code = "unsupported_media_type"


class ContentTooLargeError(InvalidError):
    code = "content_too_large"


class IdempotencyKeyReusedError(InvalidError):
    code = "idempotency_key_reused"


class LinkInvalidError(InvalidError):
    """The link of a mail is none of ours, has expired, was used, or its account has changed since."""

    code = "link_invalid"
