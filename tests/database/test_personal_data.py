"""The list of where personal data lies is whole, and every line of it fits the tables."""

import pytest

from database.personal_data import NOT_PERSONAL, PERSONAL
from database.pool import Pool

NAMES_A_PERSON = """
select table_name, column_name from information_schema.columns
where table_schema = 'public' and data_type = 'uuid'
    and (column_name in ('person_id', 'agent_id', 'author_id', 'requester_id', 'actor_id', 'subject_id'))
"""


async def test_every_table_is_told_to_hold_personal_data_or_none(pool: Pool) -> None:
    """A new table fails here until somebody has said what erasing a person does to it."""
    rows = await pool.fetch("select table_name from information_schema.tables where table_schema = 'public'")

    listed = [table.name for table in PERSONAL]
    assert {row["table_name"] for row in rows} == {*listed, *NOT_PERSONAL}
    assert not set(listed) & NOT_PERSONAL.keys()
    assert len(listed) == len(set(listed))


async def test_no_table_that_names_a_person_is_told_to_hold_none(pool: Pool) -> None:
    found = {row["table_name"] for row in await pool.fetch(NAMES_A_PERSON)}

    assert found & NOT_PERSONAL.keys() == {"audit_entries"}, "which keeps ids alone"


@pytest.mark.parametrize("table", PERSONAL, ids=lambda table: table.name)
async def test_a_line_names_columns_that_there_are(pool: Pool, table: object) -> None:
    one = next(entry for entry in PERSONAL if entry is table)
    rows = await pool.fetch("select column_name from information_schema.columns where table_name = $1", one.name)
    columns = {row["column_name"] for row in rows}

    assert {*one.people, *one.blank, *one.secret} <= columns
    assert bool(one.blank) == (one.erased == "blanked")


async def test_every_column_of_words_is_blanked_kept_for_a_reason_or_gone(pool: Pool) -> None:
    """What is left of a person's rows holds words of a fixed set only."""
    fixed = {
        "people": {"role", "tier", "kind", "email_key"},
        "agents": {"presence", "specialisations"},
        "agent_skills": {"skill"},
        "shifts": {"team", "kind", "status"},
        "shift_requests": {"kind", "team", "state"},
        "time_off": {"kind", "state"},
        "rotas": {"team", "name", "rule", "zone", "kind", "status"},
        "tickets": {"status", "priority", "category", "team", "sla_state", "tags", "required_skills"},
        "ticket_facts": {
            *("status", "previous_status", "priority", "category", "team", "sla_state", "channel"),
            *("opened_team", "opened_priority", "opened_category", "responded_team", "resolved_team", "rated_team"),
        },
        "ticket_texts": set(),
        "events": {"topic", "type", "actor_kind", "actor_role"},
    }
    for table in PERSONAL:
        if table.erased == "deleted":
            continue
        rows = await pool.fetch(
            "select column_name from information_schema.columns "
            "where table_name = $1 and (data_type = 'text' or udt_name = '_text')",
            table.name,
        )
        words = {row["column_name"] for row in rows}
        assert words - table.blank.keys() == fixed.get(table.name, set()), table.name
