"""What people chose about their notifications. A change has everything that waits decided anew."""

from collections.abc import Mapping

from database.bell import NOTICE_BELL
from database.pool import Connection, Pool
from domain.ids import PersonId
from domain.notification import Choice, Mode, NotificationType
from domain.notification_settings import NotificationSettings, Preferences, changed
from domain.people import Role

SETTINGS = tuple(NotificationSettings.model_fields)
"""A column for each setting, by the same name."""
LOCK = "select from people where id = $1 for no key update"
"""SQL: keeps the next one waiting who decides or changes for this person, and nobody else."""
_READ = f"select {', '.join(SETTINGS)} from notification_settings where person_id = $1"
_CHOSEN = "select type, in_app, email, push from notification_choices where person_id = $1"
_WRITE = f"""
insert into notification_settings (person_id, {", ".join(SETTINGS)})
values ($1, {", ".join(f"${place}" for place in range(2, len(SETTINGS) + 2))})
on conflict (person_id) do update set updated_at = now(), {", ".join(f"{name} = excluded.{name}" for name in SETTINGS)}
"""
_CHOOSE = """
insert into notification_choices (person_id, type, in_app, email, push) values ($1, $2, $3, $4, $5)
on conflict (person_id, type) do update set in_app = excluded.in_app, email = excluded.email, push = excluded.push
"""
_FORGET = "delete from notification_choices where person_id = $1 and type = any($2::text[])"
_DECIDE_ANEW = f"""
with held as (
    update notifications set noticed_at = null where id = any(array(
        select id from notifications where person_id = $1 and settled_at is null order by id for no key update))
    returning id
)
select pg_notify('{NOTICE_BELL}', '') from (select from held limit 1) one
"""
"""By an array: locked once and in order, whatever the database believes of how many there are."""


class NotificationSettingsStore:
    """Preferences in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, person: PersonId, role: Role) -> Preferences:
        """What they chose, and the defaults of their role for the rest."""
        async with self._pool.acquire() as connection:
            return await read_preferences(connection, person, role)

    async def change(
        self,
        person: PersonId,
        role: Role,
        settings: Mapping[str, object],
        choices: Mapping[NotificationType, Choice | None],
    ) -> Preferences:
        """Change the settings and choices that are given; None brings a default back. Repeating it changes nothing.

        Raises InvalidError for settings that do not go together.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK, person)
            before = await read_preferences(connection, person, role)
            if settings:
                after = changed(before.settings, settings)
                await connection.execute(_WRITE, person, *(getattr(after, name) for name in SETTINGS))
            await connection.execute(_FORGET, person, [type for type, choice in choices.items() if choice is None])
            rows = [(person, type, *choice) for type, choice in choices.items() if choice is not None]
            await connection.executemany(_CHOOSE, rows)
            await connection.execute(_DECIDE_ANEW, person)
            return await read_preferences(connection, person, role)


async def read_preferences(connection: Connection, person: PersonId, role: Role) -> Preferences:
    """The preferences, within the caller's transaction."""
    row = await connection.fetchrow(_READ, person)
    chosen = {
        NotificationType(type): Choice(in_app, Mode(email), Mode(push))
        for type, in_app, email, push in await connection.fetch(_CHOSEN, person)
    }
    return Preferences.of(role, None if row is None else NotificationSettings.model_validate(dict(row)), chosen)
