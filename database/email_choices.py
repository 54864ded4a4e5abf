"""What the links in mails change of how somebody is told: by mail or not, type by type."""

from collections.abc import Mapping

from database.pool import Pool
from domain.email_switch import EmailSwitch
from domain.errors import NotFoundError
from domain.notification import Mode, NotificationType, default_choices
from domain.people import Role

_SET = """
insert into notification_choices (person_id, type, in_app, email, push) values ($1, $2, $3, $4, $5)
on conflict (person_id, type) do update set email = excluded.email
"""


class EmailChoiceStore:
    """Choices in PostgreSQL, as far as mails go."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def apply(self, switch: EmailSwitch) -> tuple[Role, Mapping[NotificationType, Mode]]:
        """Do what the link says, and return the person's role with how such mails came before. The rest of each choice
        stays, or is as by default. Harmless to repeat.

        Raises NotFoundError when the person is gone.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            role = await connection.fetchval(
                "select role from people where id = $1 and erased_at is null for no key update", switch.person
            )
            if role is None:
                raise NotFoundError("There is no such account any more.")
            defaults = default_choices(Role(role))
            rows = await connection.fetch(
                "select type, email from notification_choices where person_id = $1", switch.person
            )
            known = {row["type"]: Mode(row["email"]) for row in rows}
            await connection.executemany(
                _SET,
                [
                    (switch.person, type, defaults[type].in_app, mode, defaults[type].push)
                    for type, mode in switch.modes.items()
                ],
            )
        return Role(role), {type: known.get(type, defaults[type].email) for type in switch.modes}
