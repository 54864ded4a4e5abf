"""`.env.example` shows every setting, with a line about it and the value in force when nothing is set."""

import pytest

from settings import ROOT, Settings

LINES = (ROOT / ".env.example").read_text().splitlines()
SHOWN = {name: value for name, _, value in (line.partition("=") for line in LINES if "=" in line and line[0] != "#")}


def test_every_setting_is_shown_and_nothing_else() -> None:
    assert {name.lower() for name in SHOWN} == set(Settings.model_fields)


@pytest.mark.parametrize("name", SHOWN)
def test_every_setting_has_its_line_of_explanation(name: str) -> None:
    at = next(number for number, line in enumerate(LINES) if line.startswith(f"{name}="))

    assert LINES[at - 1].startswith("# ")


def test_the_shown_values_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name, value in SHOWN.items():
        monkeypatch.setenv(name, value)
    shown = Settings()

    for field, definition in Settings.model_fields.items():
        value, default = getattr(shown, field), definition.default
        assert (value.resolve() if field == "data_dir" else value) == default, field
