"""Keys: which key another one takes over from; accounts of services are no agents."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    "update api_keys set expires_at = created_at + interval '1 year' where expires_at is null",
    "alter table api_keys alter column expires_at set not null",
    "alter table api_keys add column replaces uuid references api_keys on delete set null",
    "create index api_keys_by_replaced on api_keys (replaces) where replaces is not null",
    "drop trigger people_of_the_desk on people",
    # Whoever works at the desk is an agent from that moment on, however they came to; a service never works there.
    """
    create trigger people_of_the_desk after insert or update of role on people
    for each row when (new.kind = 'person' and new.role <> 'requester') execute function make_agent()
    """,
    "delete from agents where person_id in (select id from people where kind = 'service')",
    "alter table people add constraint services_have_no_password check (kind = 'person' or password_hash is null)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("alter table people drop constraint services_have_no_password")
    op.execute("drop trigger people_of_the_desk on people")
    op.execute(
        "create trigger people_of_the_desk after insert or update of role on people "
        "for each row when (new.role <> 'requester') execute function make_agent()"
    )
    op.execute("alter table api_keys drop column replaces, alter column expires_at drop not null")
