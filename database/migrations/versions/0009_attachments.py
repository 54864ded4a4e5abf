"""Attachments: files of tickets, with their content."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table attachments (
        id uuid primary key,
        ticket_number bigint not null references tickets on delete cascade,
        author_id uuid not null references people,
        name text not null check (name <> ''),
        media_type text not null,
        size_bytes int not null check (size_bytes > 0),
        sha256 bytea not null check (length(sha256) = 32),
        internal boolean not null,
        content bytea not null check (length(content) = size_bytes),
        created_at timestamptz not null default now(),
        revision int,
        added_at timestamptz,
        check ((revision is null) = (added_at is null))
    )
    """,
    # Not compressed, since most kinds are already; and then a part of it can be read without the rest.
    "alter table attachments alter column content set storage external",
    "create index attachments_by_ticket on attachments (ticket_number, revision)",
    "create index attachments_by_author on attachments (author_id)",
    "create index attachments_untied on attachments (created_at) where revision is null",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table attachments")
