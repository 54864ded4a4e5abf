"""Sends messages, by mail and by push, and keeps what became of them."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.account_mails import MailSender
from domain.ids import MessageId
from domain.mail import Mail, MailDelayedError, MailRefusedError
from domain.message import GONE, NOTHING_LEFT, Device, Message, MessageNotSentError, MessageReport, Route
from domain.push import Push, PushDelayedError, PushGoneError, PushKeys, PushRefusedError, push_of

log = logging.getLogger(__name__)


class Messages(Protocol):
    """Where messages are remembered. What is marked stays as it was marked first."""

    async def route(self, message: MessageId) -> Route | None: ...
    async def read(self, message: MessageId) -> Message | None: ...
    async def mark_sent(self, message: MessageId) -> None: ...
    async def mark_failed(self, message: MessageId, failure: str) -> None: ...


class PushSubscriptions(Protocol):
    """Which devices people have, and which message reached which."""

    async def keys_for(self, device: Device) -> PushKeys | None: ...
    async def is_delivered(self, device: Device) -> bool: ...
    async def mark_delivered(self, device: Device) -> None: ...
    async def forget(self, keys: PushKeys) -> None: ...


class MessageWriter(Protocol):
    """What a message says as a mail."""

    def write(self, message: Message, now: datetime) -> Mail: ...


class PushSender(Protocol):
    """Where pushes go. `send` returns when somebody else has taken responsibility. Raises PushGoneError,
    PushRefusedError and PushDelayedError."""

    async def send(self, keys: PushKeys, push: Push) -> object: ...


class MessageActivities:
    """Each step reads the message anew: what its receiver may not see any more is not sent, however late that is."""

    def __init__(
        self,
        messages: Messages,
        subscriptions: PushSubscriptions,
        writer: MessageWriter,
        mails: MailSender,
        pushes: PushSender,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._messages = messages
        self._subscriptions = subscriptions
        self._writer = writer
        self._mails = mails
        self._pushes = pushes
        self._clock = clock

    @property
    def steps(self) -> Sequence[Callable[..., Any]]:
        return (self.route_message, self.send_message, self.push_message, self.note_message)

    @activity.defn
    async def route_message(self, message: MessageId) -> Route | None:
        """By which way the message goes. None when there is nothing to send: it was sent, or it is gone."""
        return await self._messages.route(message)

    @activity.defn
    async def send_message(self, message: MessageId) -> MessageReport:
        """Hand the message over as a mail, which has one Message-ID however often it is tried.

        A server that is away or busy fails the attempt, with a code and nothing that names anybody.
        """
        try:
            found = await self._messages.read(message)
            if found is None:
                return MessageReport(message=message, failure=NOTHING_LEFT)
            await self._mails.send(self._writer.write(found, self._clock()))
        except MessageNotSentError as error:
            return MessageReport(message=message, failure=error.failure)
        except MailRefusedError as error:
            log.warning("message %s was refused: %s", message, error.reason)
            return MessageReport(message=message, failure=error.reason)
        except MailDelayedError as error:
            log.warning("message %s waits: %s", message, error.reason)
            raise ApplicationError("the mail was not taken", type=error.reason) from None
        return MessageReport(message=message)

    @activity.defn
    async def push_message(self, device: Device) -> MessageReport:
        """Hand the message over for one device. One that has it already gets it no more; a subscription that has ended
        is removed."""
        if await self._subscriptions.is_delivered(device):
            return MessageReport(message=device.message)
        keys = await self._subscriptions.keys_for(device)
        if keys is None:
            return MessageReport(message=device.message, failure=GONE)
        try:
            found = await self._messages.read(device.message)
            if found is None:
                return MessageReport(message=device.message, failure=NOTHING_LEFT)
            await self._pushes.send(keys, push_of(found, self._clock()))
        except MessageNotSentError as error:
            return MessageReport(message=device.message, failure=error.failure)
        except PushGoneError:
            await self._subscriptions.forget(keys)
            return MessageReport(message=device.message, failure=GONE)
        except PushRefusedError as error:
            log.warning("message %s was refused for %s: %s", device.message, device.subscription, error.reason)
            return MessageReport(message=device.message, failure=error.reason)
        except PushDelayedError as error:
            _wait(device, error)
        await self._subscriptions.mark_delivered(device)
        return MessageReport(message=device.message)

    @activity.defn
    async def note_message(self, report: MessageReport) -> None:
        """Keep what became of the message. Harmless to repeat: the first report counts."""
        if report.failure is None:
            await self._messages.mark_sent(report.message)
        else:
            await self._messages.mark_failed(report.message, report.failure)


def _wait(device: Device, error: PushDelayedError) -> NoReturn:
    log.warning("message %s waits for %s: %s", device.message, device.subscription, error.reason)
    raise ApplicationError("the push was not taken", type=error.reason, next_retry_delay=error.retry_after) from None
