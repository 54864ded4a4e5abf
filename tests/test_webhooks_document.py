"""What docs/webhooks.md tells receivers to run does run, and its figures are the rules'."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain import webhook_rules
from integrations.webhook_secrets import new_secret

TEXT = (Path(__file__).parent.parent / "docs" / "webhooks.md").read_text()
UNITS = {"s": "seconds", "min": "minutes", "h": "hours"}


def _verified(secret: str, body: bytes, headers: dict[str, str]) -> object:
    """What the page's example makes of a call."""
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    told = {"body": body, "headers": headers}
    exec(example.replace('"whsec_..."', repr(secret)), told)  # noqa: S102  the page's own words
    return told["event"]


def _signed(secret: str, body: bytes) -> dict[str, str]:
    id, now = str(uuid4()), datetime.now(UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, now, body.decode()),
    }


def test_the_example_reads_what_is_signed_and_refuses_the_rest() -> None:
    secret, body = new_secret(), b'{"type": "webhook.ping"}'
    headers = _signed(secret, body)
    assert _verified(secret, body, headers) == {"type": "webhook.ping"}
    with pytest.raises(WebhookVerificationError):
        _verified(secret, body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        _verified(new_secret(), body, headers)


def test_the_waits_are_those_of_the_rules() -> None:
    (told,) = re.findall(r"What is tried again waits (.*?), each up to", TEXT, re.DOTALL)
    waits = re.findall(r"(\d+) (s|min|h)\b", told)
    assert tuple(timedelta(**{UNITS[unit]: int(count)}) for count, unit in waits) == webhook_rules.BACK_OFF
