"""Where settings come from, and which values are refused. `test_env_example.py` holds their documentation."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from settings import Settings


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


def test_links_lead_to_this_machine_unless_an_address_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "8002")
    assert Settings().public_base == "http://localhost:8002"
    monkeypatch.setenv("PUBLIC_URL", "https://desk.example.com/")
    assert Settings().public_base == "https://desk.example.com"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "desk.example.com"),
        ("PUBLIC_URL", "javascript:alert(1)"),
        ("PUBLIC_URL", "https://desk.example.com/#here"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "Desk <desk@>"),
        ("MAIL_FROM", "Desk <desk@example.com>\nBcc: <eve@example.com>"),
        ("SMTP_SECURITY", "ssl"),
    ],
)
def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_a_mail_password_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_SECURITY", "none")
    assert Settings().smtp_security == "none"
    monkeypatch.setenv("SMTP_PASSWORD", "sesame")
    with pytest.raises(ValidationError, match="starttls"):
        Settings()
