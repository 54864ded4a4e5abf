"""Where settings come from, and which values are refused. `test_env_example.py` holds their documentation."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr, ValidationError

from settings import ROOT, Environment, Settings, UnsafeSettingsError, refuse_unsafe


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("API_PORT=8001\nREOPEN_DAYS=5\n")
    monkeypatch.setenv("API_PORT", "8002")
    settings = Settings(_env_file=file)
    assert (settings.api_port, settings.reopen_days) == (8002, 5)


def test_an_empty_value_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("WORKER_METRICS_PORT", "")
    settings = Settings()
    assert settings.is_database_embedded
    assert settings.worker_metrics_port is None


@pytest.mark.parametrize(
    ("name", "value"), [("API_PORT", "0"), ("API_PORT", "port"), ("REOPEN_DAYS", "0"), ("DATABASE_POOL_SIZE", "1")]
)
def test_a_setting_out_of_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_a_deep_data_folder_gets_a_short_socket_path() -> None:
    settings = Settings(data_dir=Path("/") / "/".join(["deep"] * 40))
    assert len(str(settings.postgres_socket_dir / ".s.PGSQL.5432.lock")) <= 107


def test_a_secret_can_be_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "database_url").write_text("postgresql://desk:from-a-file@database/desk\n")
    (tmp_path / "demo_password").write_text("from-a-file\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("DEMO_PASSWORD", "from-the-environment")

    settings = Settings()

    assert settings.database_dsn == "postgresql://desk:from-a-file@database/desk"
    assert settings.demo_password.get_secret_value() == "from-the-environment"


def test_no_secret_is_shown() -> None:
    settings = Settings(
        database_url="postgresql://desk:hidden@database/desk",
        temporal_api_key=SecretStr("hidden"),
        demo_password=SecretStr("hidden"),
    )

    assert "hidden" not in repr(settings) + str(settings)


def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "hidden")

    with pytest.raises(ValidationError) as refused:
        Settings()

    assert "hidden" not in str(refused.value)


async def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError) as failed:  # noqa: PT011 - its text is what matters
        await asyncpg.connect(f"postgresql://desk:hidden@127.0.0.1:{port}/desk", timeout=5)

    assert "hidden" not in f"{failed.value!r} {failed.value}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*.example.org"),
        ("CORS_ORIGINS", "https://desk.example.org/"),
        ("CORS_ORIGINS", "desk.example.org"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "proxy"),
        ("ENVIRONMENT", "prod"),
    ],
)
def test_who_is_let_in_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_a_list_is_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example:8443,")
    assert Settings().cors_origins == ("https://a.example", "https://b.example:8443")


@pytest.fixture
def safe(tmp_path: Path) -> Settings:
    """Settings that production starts with."""
    key = tmp_path / "token-key.json"
    key.touch(mode=0o600)
    return Settings(
        environment=Environment.PRODUCTION,
        public_url="https://desk.example.org",
        database_url="postgresql://desk:6a1b0f@database/desk",
        token_key_file=key,
        demo=False,
    )


def test_safe_settings_are_not_refused(safe: Settings) -> None:
    refuse_unsafe(safe)


def test_anything_goes_in_development() -> None:
    refuse_unsafe(Settings())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"demo": True}, "demo organisation"),
        ({"database_url": "postgresql://desk:postgres@database/desk"}, "DATABASE_URL"),
        ({"database_url": "postgresql://desk@database/desk"}, "DATABASE_URL"),
        ({"public_url": None}, "PUBLIC_URL"),
        ({"public_url": "http://desk.example.org"}, "PUBLIC_URL"),
        ({"token_key_file": None}, "TOKEN_KEY_FILE"),
    ],
)
def test_production_refuses_what_is_for_trying_things_out(safe: Settings, change: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsafeSettingsError, match=said) as refused:
        refuse_unsafe(safe.model_copy(update=change))

    assert "6a1b0f" not in str(refused.value)
    assert str(refused.value).count(";") == 0, "one reason"


def test_production_refuses_a_key_that_everybody_can_read(safe: Settings) -> None:
    assert safe.token_key_file is not None
    safe.token_key_file.chmod(0o644)
    with pytest.raises(UnsafeSettingsError, match="read by everybody"):
        refuse_unsafe(safe)


def test_production_refuses_secrets_that_everybody_can_read(safe: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "demo_password").touch(mode=0o644)
    with pytest.raises(UnsafeSettingsError, match="demo_password can be read by everybody"):
        refuse_unsafe(safe.model_copy(update={"secrets_dir": folder}))


@pytest.mark.parametrize("program", ["api", "worker", "stack"])
def test_a_program_refuses_to_start_in_one_sentence(program: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", program],
        env={"ENVIRONMENT": "production", "DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("ENVIRONMENT is production")
    assert ended.stderr.count("\n") == 1
