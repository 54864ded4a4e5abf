"""The only reader of the environment.

Every setting has its line in `.env.example`; a test holds the two together.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from email.utils import parseaddr
from enum import StrEnum
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from domain.business_calendar import Zone

ROOT = Path(__file__).resolve().parent
LONGEST_SOCKET_PATH = 100
"""Bytes of a unix socket's path; Linux ends at 107, and PostgreSQL adds `/.s.PGSQL.5432.lock` beside it."""


DEMO_PASSWORD = "smart-ticketing-demo"  # noqa: S105 - known to everybody, and refused in production
KNOWN_PASSWORDS = frozenset({"", "admin", "changeme", "change-me", "password", "postgres", "secret", "smart_ticketing"})
"""Passwords of a database that anybody would try first."""
CONTAINER_SECRETS = Path("/run/secrets")
"""Where a container engine mounts secrets for one container alone, readable by all who are in it."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(f"{origin!r} is no origin, as https://desk.example.org is one")
        if "*" in origin:
            raise ValueError("an origin is named in full, without *")
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        if ip_network(network).prefixlen == 0:
            raise ValueError("everybody cannot be a trusted proxy")
    return value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Written with commas between."""


class Settings(BaseSettings):
    """What an operator may choose, with the values that `make up` uses."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Environment = Environment.DEVELOPMENT
    secrets_dir: Path | None = None
    cors_origins: Annotated[Listed, AfterValidator(_origins)] = ()
    trusted_proxies: Annotated[Listed, AfterValidator(_networks)] = ("127.0.0.1",)
    outgoing_allow: Listed = ()

    data_dir: Path = ROOT / ".data"
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=1, le=65535)
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)

    database_url: str | None = Field(default=None, repr=False)
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
    access_token_minutes: int = Field(default=10, ge=1, le=1440)

    factor_key_file: Path | None = None
    webhook_key_file: Path | None = None
    vapid_key_file: Path | None = None
    vapid_subject: str | None = Field(default=None, pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://[^\s]+)$")
    email_verification: Literal["required", "optional"] = "required"

    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s#?]+$")
    mail_from: str = "Smart Ticketing <smart-ticketing@localhost>"
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    oidc_providers_file: Path | None = None

    auto_close_days: int = Field(default=7, ge=1, le=365)
    reopen_days: int = Field(default=30, ge=1, le=3650)
    report_zone: Zone = "UTC"
    event_retention_days: int = Field(default=14, ge=1, le=3650)
    command_timeout_seconds: float = Field(default=5.0, gt=0, le=60)

    attachment_max_bytes: int = Field(default=10_485_760, ge=1_024, le=104_857_600)

    presence_grace_seconds: int = Field(default=60, ge=1, le=86400)
    shift_reminder_minutes: int = Field(default=15, ge=0, le=1440)
    break_reminder_minutes: int = Field(default=5, ge=0, le=1440)

    worker_build_id: str | None = None
    worker_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    log_level: str = "INFO"

    demo: bool = True
    demo_password: SecretStr = SecretStr(DEMO_PASSWORD)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - its folder must be known before
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Any setting may be a file of its name in SECRETS_DIR, as container engines give secrets; what the environment
        or `.env` says wins."""
        sources = (init_settings, env_settings, dotenv_settings)
        folder = next(
            (given["secrets_dir"] for given in (source() for source in sources) if "secrets_dir" in given), None
        )
        return sources if folder is None else (*sources, SecretsSettingsSource(settings_cls, secrets_dir=folder))

    @property
    def is_public_url_secure(self) -> bool:
        return self.public_url is not None and urlsplit(self.public_url).scheme == "https"

    @field_validator("mail_from")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        _, address = parseaddr(value)
        if not value.isprintable() or not all(address.rpartition("@")) or not address.isascii():
            raise ValueError("must be an address, as in `Service Desk <desk@example.com>`")
        return value

    @field_validator("smtp_security")
    @classmethod
    def _keeps_the_password(cls, value: str, info: ValidationInfo) -> str:
        if value == "none" and info.data.get("smtp_password") is not None:
            raise ValueError("must be starttls or tls when there is a password, which anybody could read otherwise")
        return value

    @property
    def public_base(self) -> str:
        """The address at which browsers reach this desk, without a slash at its end."""
        return (self.public_url or f"http://localhost:{self.api_port}").rstrip("/")

    @property
    def mail_dir(self) -> Path:
        """Where mails are written as long as `SMTP_HOST` names no server."""
        return self.data_dir.resolve() / "mail"

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
        """The file of the private keys that sign access tokens (a JWK or a set of them, Ed25519)."""
        return self.token_key_file or self.data_dir.resolve() / "token-key.json"

    @property
    def factor_key_path(self) -> Path:
        """The file of the secret by which those of second factors are encrypted."""
        return self.factor_key_file or self.data_dir.resolve() / "factor-key"

    @property
    def webhook_key_path(self) -> Path:
        """The file of the secret by which those that sign webhooks are encrypted."""
        return self.webhook_key_file or self.data_dir.resolve() / "webhook-key"

    @property
    def vapid_key_path(self) -> Path:
        """The file of the private key by which push services know this desk (PEM, on the curve P-256)."""
        return self.vapid_key_file or self.data_dir.resolve() / "vapid-key.pem"

    @property
    def vapid_contact(self) -> str:
        """Whom push services write to when our pushes trouble them: `VAPID_SUBJECT`, or who mails are from."""
        return self.vapid_subject or f"mailto:{parseaddr(self.mail_from)[1]}"


class UnsafeSettingsError(Exception):
    """The settings are good enough to try things out, and for nothing else."""


def refuse_unsafe(settings: Settings) -> None:
    """Outside development, raises UnsafeSettingsError with a sentence for every reason not to start."""
    if settings.environment is Environment.DEVELOPMENT:
        return
    reasons = list(_reasons(settings))
    if reasons:
        raise UnsafeSettingsError(
            f"ENVIRONMENT is {settings.environment}, and that needs other settings: {'; '.join(reasons)}."
        )


def _reasons(settings: Settings) -> Iterator[str]:
    if settings.demo and settings.demo_password.get_secret_value() == DEMO_PASSWORD:
        yield "the demo organisation has the password that everybody knows (set DEMO=0 or DEMO_PASSWORD)"
    if settings.database_url is not None:
        address = urlsplit(settings.database_url)
        if address.hostname is not None and unquote(address.password or "").lower() in KNOWN_PASSWORDS:
            yield "the password in DATABASE_URL is none, or one that anybody would try first"
    if not settings.is_public_url_secure:
        yield "PUBLIC_URL is no https address"
    if settings.token_key_file is None:
        yield "TOKEN_KEY_FILE is not set, and replicas would each make a key of their own"
    for file in _secret_files(settings):
        if file.stat().st_mode & 0o004:
            yield f"{file} can be read by everybody on the machine (chmod o-r)"


def _secret_files(settings: Settings) -> Iterator[Path]:
    files = [settings.token_key_file, settings.factor_key_file, settings.webhook_key_file, settings.vapid_key_file]
    files.append(settings.temporal_tls_key_file)
    if settings.secrets_dir is not None:
        files += sorted(settings.secrets_dir.iterdir())
    for file in files:
        if file is not None and file.is_file() and not file.is_relative_to(CONTAINER_SECRETS):
            yield file
