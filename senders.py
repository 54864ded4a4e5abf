"""Composition of what leaves the house: mails, pushes and calls of webhooks, as the settings say."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.account_mails import AccountMailActivities, MailSender
from activities.messages import MessageActivities
from activities.report_mails import ReportMailActivities
from activities.webhooks import Sender, WebhookActivities
from api.credentials.factor_cipher import load_or_make_secret
from api.credentials.token_keys import KeyRing, load_or_make_key
from api.webhook_payloads import WebhookPayloads
from database.account_mails import AccountMailStore
from database.events import EventLog
from database.messages import MessageStore
from database.pool import Pool
from database.push_subscriptions import PushSubscriptionStore
from database.report_letters import ReportLetters
from database.report_mails import ReportMailStore
from database.webhook_deliveries import WebhookDeliveryStore
from database.webhook_outbox import WebhookOutbox
from database.webhook_rounds import WebhookRoundStore
from integrations.account_mail_texts import AccountMailWriter
from integrations.mail_folder import MailFolder
from integrations.notification_mail_texts import NotificationMailWriter
from integrations.outgoing import Allowed
from integrations.report_mail_texts import ReportMailWriter
from integrations.signed_links import LinkMaker
from integrations.smtp import SmtpSender, SmtpServer
from integrations.unsubscribe_links import ReportMailLinks, UnsubscribeLinks
from integrations.vapid_key import load_or_make_vapid_key
from integrations.web_push import WebPushSender
from integrations.webhook_secrets import WebhookSecrets
from integrations.webhook_sender import WebhookSender
from settings import Settings
from workflows.webhook_client import CALLS_QUEUE, WebhookClient
from workflows.webhook_relay import WebhookRelay

CALLS_AT_ONCE = 64
"""Webhooks that one worker calls at a time."""


def mail_sender(settings: Settings) -> MailSender:
    """The mail server that the settings name, or a folder."""
    if settings.smtp_host is None:
        return MailFolder(settings.mail_dir, settings.mail_from)
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    server = SmtpServer(settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_user, password)
    return SmtpSender(server, settings.mail_from)


def account_mails(settings: Settings, pool: Pool) -> AccountMailActivities:
    """What sends mails about accounts, with links signed by the key that also signs access tokens."""
    links = LinkMaker(load_or_make_key(settings.token_key_path), settings.public_base)
    return AccountMailActivities(AccountMailStore(pool), AccountMailWriter(links), mail_sender(settings))


def push_sender(settings: Settings) -> WebPushSender:
    """What hands pushes to the services that browsers chose."""
    key = load_or_make_vapid_key(settings.vapid_key_path)
    return WebPushSender(key, settings.vapid_contact, Allowed.of(settings.outgoing_allow))


def messages(settings: Settings, pool: Pool) -> MessageActivities:
    """What sends messages about notifications, by mail and by push."""
    links = UnsubscribeLinks(KeyRing(settings.token_key_path).current, settings.public_base)
    writer = NotificationMailWriter(links, settings.public_base)
    return MessageActivities(
        MessageStore(pool), PushSubscriptionStore(pool), writer, mail_sender(settings), push_sender(settings)
    )


def report_mails(settings: Settings, pool: Pool) -> ReportMailActivities:
    """What sends reports by mail."""
    links = ReportMailLinks(KeyRing(settings.token_key_path).current, settings.public_base)
    writer = ReportMailWriter(links, settings.public_base)
    return ReportMailActivities(ReportMailStore(pool), ReportLetters(pool), writer, mail_sender(settings))


def webhook_calls(client: Client, pool: Pool, sender: Sender, queue: str = CALLS_QUEUE) -> Worker:
    """The worker that calls webhooks, on a task queue of its own: receivers that hang cost tickets nothing."""
    payloads = WebhookPayloads(WebhookDeliveryStore(pool), EventLog(pool))
    calling = WebhookActivities(WebhookRoundStore(pool), payloads, sender)
    return Worker(
        client,
        task_queue=queue,
        activities=calling.steps,
        max_concurrent_activities=CALLS_AT_ONCE,
        graceful_shutdown_timeout=timedelta(seconds=10),
    )


def webhook_parts(settings: Settings, client: Client, pool: Pool) -> tuple[Worker, WebhookRelay]:
    """What calls webhooks, and what tells it to."""
    secrets = WebhookSecrets(load_or_make_secret(settings.webhook_key_path))
    relay = WebhookRelay(WebhookOutbox(pool, secrets.made_for), WebhookClient(client, settings.command_timeout_seconds))
    return webhook_calls(client, pool, WebhookSender(secrets, Allowed.of(settings.outgoing_allow))), relay
