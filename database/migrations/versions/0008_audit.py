"""Audit: who changed what of people, rights, policies and keys, and what was refused; in a chain, by triggers.

`docs/audit.md` tells how the chain is built and how another table comes under it.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table audit_entries (
        number bigint primary key,
        at timestamptz not null,
        author_id uuid,
        author_role text,
        credential text,
        action text not null,
        subject_kind text not null,
        subject_id text,
        before jsonb,
        after jsonb,
        personal_hashes bytea[] not null,
        previous_hash bytea not null,
        hash bytea not null
    )
    """,
    "create index audit_entries_by_author on audit_entries (author_id, number) where author_id is not null",
    "create index audit_entries_by_subject on audit_entries (subject_kind, subject_id, number)",
    "create index audit_entries_by_action on audit_entries (action, number)",
    "create index audit_entries_by_time on audit_entries (at)",
    # What of an entry is about a person, each row about one (null: nobody known). `place` counts from 1 and is the
    # place of its hash in the entry's `personal_hashes`.
    """
    create table audit_personal (
        number bigint not null references audit_entries,
        place int not null,
        person_id uuid,
        salt bytea not null,
        data jsonb not null,
        primary key (number, place)
    )
    """,
    "create index audit_personal_by_person on audit_personal (person_id) where person_id is not null",
    """
    create table audit_head (
        is_only boolean primary key default true check (is_only),
        number bigint not null default 0,
        hash bytea not null default decode(repeat('00', 32), 'hex')
    )
    """,
    "insert into audit_head default values",
)

CHAIN = (
    # A text as its length in bytes, a colon and itself; null as a dash: no two lists of texts are written alike.
    """
    create function audit_field(value text) returns text language sql immutable as $$
        select coalesce(octet_length(convert_to(value, 'UTF8')) || ':' || value, '-')
    $$
    """,
    # Draws the number and the hash. The lock on the head makes writers wait for each other until they commit.
    """
    create function audit_chain() returns trigger language plpgsql as $$
    declare
        head audit_head%rowtype;
    begin
        select * into strict head from audit_head for update;
        new.number := head.number + 1;
        new.previous_hash := head.hash;
        new.at := clock_timestamp();
        new.hash := sha256(new.previous_hash || convert_to(
            audit_field(new.number::text)
            || audit_field((extract(epoch from new.at) * 1000000)::bigint::text)
            || audit_field(new.author_id::text) || audit_field(new.author_role) || audit_field(new.credential)
            || audit_field(new.action) || audit_field(new.subject_kind) || audit_field(new.subject_id)
            || audit_field(new.before::text) || audit_field(new.after::text)
            || audit_field((select string_agg(encode(one, 'hex'), ',' order by place)
                from unnest(new.personal_hashes) with ordinality as hashes (one, place))), 'UTF8'));
        update audit_head set number = new.number, hash = new.hash;
        return new;
    end
    $$
    """,
    "create trigger chained before insert on audit_entries for each row execute function audit_chain()",
    """
    create function audit_refuse() returns trigger language plpgsql as $$
    begin
        raise exception '% of % is refused: the audit trail is only added to', tg_op, tg_table_name
            using errcode = 'insufficient_privilege';
    end
    $$
    """,
    """
    create trigger append_only before update or delete or truncate on audit_entries
    for each statement execute function audit_refuse()
    """,
    # Rows of persons who are erased are deleted; none is ever changed.
    """
    create trigger never_changed before update or truncate on audit_personal
    for each statement execute function audit_refuse()
    """,
    """
    create trigger stays before delete or truncate on audit_head
    for each statement execute function audit_refuse()
    """,
    """
    create trigger moved_by_entries_only before update on audit_head
    for each row when (pg_trigger_depth() = 0) execute function audit_refuse()
    """,
)

WRITING = (
    # Writes one entry and returns its number. `personal`: [{"person_id": ..., "data": {...}}, ...]. The author is the
    # transaction's (`database/audit.py`); where none was named, whoever is logged in to the database.
    """
    create function audit_write(
        action text, subject_kind text, subject_id text, before jsonb, after jsonb, personal jsonb
    ) returns bigint language plpgsql as $$
    declare
        author jsonb := coalesce(nullif(current_setting('audit.author', true), '')::jsonb,
            jsonb_build_object('credential', 'database:' || session_user));
        author_id uuid := (author ->> 'id')::uuid;
        parts jsonb := coalesce(personal, '[]');
        salts bytea[] := '{}';
        hashes bytea[] := '{}';
        salt bytea;
        part jsonb;
        entry bigint;
    begin
        if author -> 'address' <> 'null' then
            parts := parts || jsonb_build_object(
                'person_id', author_id, 'data', jsonb_build_object('address', author -> 'address'));
        end if;
        for part in select * from jsonb_array_elements(parts) loop
            salt := uuid_send(gen_random_uuid());
            salts := array_append(salts, salt);
            hashes := array_append(hashes, sha256(salt || convert_to(
                audit_field((part ->> 'person_id')::uuid::text) || audit_field((part -> 'data')::text), 'UTF8')));
        end loop;
        insert into audit_entries (
            author_id, author_role, credential, action, subject_kind, subject_id, before, after, personal_hashes)
        values (
            author_id,
            coalesce(author ->> 'role', (select role from people where id = author_id)),
            author ->> 'credential', action, subject_kind, subject_id, before, after, hashes)
        returning number into entry;
        insert into audit_personal (number, place, person_id, salt, data)
        select entry, place, (one ->> 'person_id')::uuid, salts[place], one -> 'data'
        from jsonb_array_elements(parts) with ordinality as given (one, place);
        return entry;
    end
    $$
    """,
    # Of a row, what an entry may show: hidden values only as being there.
    """
    create function audit_shown(row_ jsonb, hidden text[]) returns jsonb language sql immutable as $$
        select jsonb_object_agg(key, case when key = any(hidden) and value <> 'null' then '"(hidden)"' else value end)
        from jsonb_each(row_)
    $$
    """,
    # The entry of one row's change. Arguments: see `audit_table`.
    """
    create function audit_row() returns trigger language plpgsql as $$
    declare
        noun text := tg_argv[0];
        subject text := tg_argv[1];
        key text[] := tg_argv[2];
        person text := tg_argv[3];
        personal text[] := tg_argv[4];
        hidden text[] := tg_argv[5];
        ignored text[] := tg_argv[6];
        old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
        new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
        either jsonb := coalesce(new_row, old_row);
        same text[] := '{}';
        data jsonb;
        parts jsonb;
    begin
        if tg_op = 'UPDATE' then
            same := array(select n.key from jsonb_each(new_row) n where n.value = old_row -> n.key);
        end if;
        old_row := audit_shown(old_row - ignored - same, hidden);
        new_row := audit_shown(new_row - ignored - same, hidden);
        select jsonb_object_agg(side, shown) into data from (
            select side, jsonb_object_agg(v.key, v.value) as shown
            from (values ('before', old_row), ('after', new_row)) as sides (side, row_), jsonb_each(row_) v
            where v.key = any(personal) group by side) as told;
        if data is not null then
            parts := jsonb_build_array(jsonb_build_object('person_id', either -> person, 'data', data));
        end if;
        perform audit_write(
            noun || case tg_op when 'INSERT' then '.made' when 'UPDATE' then '.changed' else '.deleted' end,
            subject,
            (select string_agg(either ->> one, '/' order by place)
                from unnest(key) with ordinality as keys (one, place)),
            nullif(old_row - personal, '{}'), nullif(new_row - personal, '{}'), parts);
        return null;
    end
    $$
    """,
    # Puts a table under audit. `noun`: what a row is (`api_key`; the actions are `api_key.made`, `.changed` and
    # `.deleted`). `key`: the columns whose values, joined by `/`, name the subject, and `subject` its kind where that
    # is not the noun. `personal`: columns that are about the person whom column `person` names. `hidden`: secrets, of
    # which only a change is told. `ignored`: columns that are left out, and whose change alone makes no entry.
    # Entries are written when the transaction commits: the lock on the head is the last one that anybody takes.
    """
    create procedure audit_table(
        audited regclass, noun text, key text[], subject text default null, person text default null,
        personal text[] default '{}', hidden text[] default '{}',
        ignored text[] default '{created_at,updated_at}'
    ) language plpgsql as $$
    declare
        arguments text := format('%L, %L, %L, %L, %L, %L, %L', noun, coalesce(subject, noun), key,
            coalesce(person, key[1]), personal, hidden, ignored);
    begin
        execute format('create constraint trigger audited after insert or delete on %s '
            'deferrable initially deferred for each row execute function audit_row(%s)', audited, arguments);
        execute format('create constraint trigger audited_change after update on %s '
            'deferrable initially deferred for each row '
            'when (to_jsonb(old) - %L::text[] is distinct from to_jsonb(new) - %L::text[]) '
            'execute function audit_row(%s)', audited, ignored, ignored, arguments);
        execute format('create trigger audited_truncate before truncate on %s '
            'for each statement execute function audit_refuse()', audited);
    end
    $$
    """,
)

AUDITED = (
    """
    call audit_table('people', 'person', key => '{id}',
        personal => '{email,name}', hidden => '{password_hash}')
    """,
    "call audit_table('team_members', 'team_member', key => '{person_id}', subject => 'person')",
    """
    call audit_table('agents', 'agent', key => '{person_id}', subject => 'person',
        ignored => '{presence,presence_since,life,revision}')
    """,
    "call audit_table('agent_skills', 'agent_skill', key => '{person_id}', subject => 'person')",
    "call audit_table('teams', 'team', key => '{slug}')",
    "call audit_table('categories', 'category', key => '{slug}')",
    "call audit_table('sla_policies', 'sla_policy', key => '{id}')",
    """
    call audit_table('sla_policy_versions', 'sla_policy_version', key => '{policy_id}', subject => 'sla_policy',
        ignored => '{created_at}')
    """,
    "call audit_table('sla_calendars', 'sla_calendar', key => '{id}')",
    """
    call audit_table('sla_calendar_versions', 'sla_calendar_version', key => '{calendar_id}',
        subject => 'sla_calendar', ignored => '{created_at}')
    """,
    # What becomes of its preview and its tickets is told by the rollout itself, and by their events.
    """
    call audit_table('sla_rollouts', 'sla_rollout', key => '{id}',
        ignored => '{created_at,status,fingerprint,request_id,edition}')
    """,
)


def upgrade() -> None:
    for statement in TABLES + CHAIN + WRITING + AUDITED:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function audit_row, audit_refuse cascade")  # with every trigger of every audited table
    op.execute("drop procedure audit_table")
    op.execute("drop function audit_write, audit_shown")
    op.execute("drop table audit_personal, audit_entries, audit_head")
    op.execute("drop function audit_chain, audit_field")
