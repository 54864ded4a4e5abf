"""Sign-in at identity providers: whose account an identity opens, and sign-ins that are under way."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table identities (
        provider text not null,
        subject text not null,
        person_id uuid not null references people on delete cascade,
        email text,
        created_at timestamptz not null,
        last_seen_at timestamptz not null,
        primary key (provider, subject)
    )
    """,
    "create index identities_by_person on identities (person_id)",
    """
    create table oidc_attempts (
        secret_hash bytea primary key,
        provider text not null,
        state text not null,
        nonce text not null,
        code_verifier text not null,
        return_to text not null,
        code_challenge text not null,
        expires_at timestamptz not null
    )
    """,
    "create index oidc_attempts_by_end on oidc_attempts (expires_at)",
    """
    create table oidc_codes (
        code_hash bytea primary key,
        person_id uuid not null references people on delete cascade,
        code_challenge text not null,
        expires_at timestamptz not null
    )
    """,
    "create index oidc_codes_by_end on oidc_codes (expires_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table identities, oidc_attempts, oidc_codes")
