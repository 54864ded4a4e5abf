"""The only reader of the environment.

Every setting has its line in `.env.example`; a test holds the two together.
"""

import hashlib
import tempfile
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent
LONGEST_SOCKET_PATH = 100
"""Bytes of a unix socket's path; Linux ends at 107, and PostgreSQL adds `/.s.PGSQL.5432.lock` beside it."""


class Settings(BaseSettings):
    """What an operator may choose, with the values that `make up` uses."""

    model_config = SettingsConfigDict(env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = ROOT / ".data"
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=1, le=65535)
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)

    database_url: str | None = None
    database_pool_size: int = Field(default=16, ge=2, le=200)
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    temporal_api_key: SecretStr | None = None
    temporal_tls_ca_file: Path | None = None
    temporal_tls_cert_file: Path | None = None
    temporal_tls_key_file: Path | None = None
    temporal_ui_origin: str | None = None
    payload_keys_file: Path | None = None
    payload_keys: SecretStr | None = None

    token_key_file: Path | None = None
    access_token_minutes: int = Field(default=60, ge=1, le=1440)

    auto_close_days: int = Field(default=7, ge=1, le=365)
    reopen_days: int = Field(default=30, ge=1, le=3650)
    event_retention_days: int = Field(default=14, ge=1, le=3650)
    command_timeout_seconds: float = Field(default=5.0, gt=0, le=60)

    presence_grace_seconds: int = Field(default=60, ge=1, le=86400)
    shift_reminder_minutes: int = Field(default=15, ge=0, le=1440)
    break_reminder_minutes: int = Field(default=5, ge=0, le=1440)

    worker_build_id: str | None = None
    worker_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    log_level: str = "INFO"

    demo: bool = True
    demo_password: SecretStr = SecretStr("smart-ticketing-demo")

    @property
    def is_database_embedded(self) -> bool:
        return self.database_url is None

    @property
    def is_temporal_embedded(self) -> bool:
        return self.temporal_address is None

    @property
    def postgres_dir(self) -> Path:
        """The embedded PostgreSQL's data folder."""
        return self.data_dir.resolve() / "postgres"

    @cached_property
    def postgres_socket_dir(self) -> Path:
        """Where the embedded PostgreSQL listens.

        Outside `data_dir` when that path is too long for a unix socket, or has a comma, which separates hosts.
        """
        inside = self.data_dir.resolve() / "run"
        if len(str(inside / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH and "," not in str(inside):
            return inside
        name = hashlib.sha256(str(inside).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"smart-ticketing-{name}"

    @property
    def database_dsn(self) -> str:
        """The libpq address in force: `DATABASE_URL`, or the embedded server's socket."""
        if self.database_url is not None:
            return self.database_url
        return f"postgresql://postgres@/smart_ticketing?host={quote(str(self.postgres_socket_dir), safe='')}"

    @property
    def temporal_target(self) -> str:
        """host:port of the engine in force."""
        return self.temporal_address or f"127.0.0.1:{self.temporal_port}"

    @property
    def temporal_ui_origins(self) -> list[str]:
        """From where the Temporal Web UI asks for payloads in the clear."""
        if self.temporal_ui_origin is not None:
            return [self.temporal_ui_origin]
        return [f"http://{host}:{self.temporal_ui_port}" for host in ("127.0.0.1", "localhost")]

    @property
    def token_key_path(self) -> Path:
        """The file of the private key that signs access tokens (a JWK, Ed25519)."""
        return self.token_key_file or self.data_dir.resolve() / "token-key.json"
