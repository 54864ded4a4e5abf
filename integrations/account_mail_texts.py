"""What mails about accounts say. The wording is in `templates/`, a text and an HTML file for each kind.

No mail says a name: an account that nobody has verified yet may belong to somebody else, and its name may be any
sentence a stranger wants them to read.
"""

from datetime import datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from domain.account_mail import LINK_LIFETIME, LINK_OF, AccountMailKind, AccountMailRequest
from domain.mail import Mail
from integrations.signed_links import LinkMaker

SUBJECTS: dict[AccountMailKind, str] = {
    AccountMailKind.VERIFY_EMAIL: "Confirm your e-mail address",
    AccountMailKind.RESET_PASSWORD: "Set a new password",
    AccountMailKind.ALREADY_REGISTERED: "You have an account already",
    AccountMailKind.PASSWORD_CHANGED: "Your password was changed",
    AccountMailKind.FACTOR_ADDED: "Signing in now asks for a second factor",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class AccountMailWriter:
    """Writes the mail that was asked for, with the link that it carries."""

    def __init__(self, links: LinkMaker) -> None:
        self._links = links

    def write(self, request: AccountMailRequest, now: datetime) -> Mail:
        """The mail; its links count from `now`."""
        purpose = LINK_OF[request.kind]
        facts = {
            "subject": SUBJECTS[request.kind],
            "email": request.email,
            "requested_at": request.requested_at.strftime("%d %B %Y, %H:%M UTC"),
            "link": None if purpose is None else self._links.make(purpose, request, now),
            "lifetime": None if purpose is None else _in_words(LINK_LIFETIME[purpose]),
        }
        return Mail(
            id=f"account-mail-{request.id}",
            address=request.email,
            subject=SUBJECTS[request.kind],
            text=_TEMPLATES.get_template(f"{request.kind}.txt").render(facts),
            html=_TEMPLATES.get_template(f"{request.kind}.html").render(facts),
        )


def _in_words(lifetime: timedelta) -> str:
    hours = int(lifetime.total_seconds() // 3600)
    count, unit = (hours // 24, "day") if hours >= 48 else (hours, "hour")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
