"""The grown-up system's files. No container engine runs where the tests run: this holds what can be held without one.

Not checked here: that the images exist, that they start, and what Temporal's own programs make of their settings.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import ROOT, Settings

SETTINGS = {name.upper() for name in Settings.model_fields}
OURS = ("migrate", "api", "worker")
RUNS_TO_ITS_END = ("migrate", "temporal-schema", "temporal-namespace")
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VARIABLE = re.compile(r"\$\{(\w+)(?::?([-?])([^}]*))?\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def copied() -> Iterator[str]:
    """What the Dockerfile takes from the project."""
    for line in DOCKERFILE.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            yield from line.split()[1:-1]


def uncommented(path: Path) -> str:
    return "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))


def test_a_service_waits_only_for_what_can_be_waited_for(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for the health of {other}"
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert other in RUNS_TO_ITS_END, f"{name} waits for the end of {other}"


def test_whatever_runs_on_is_watched_restarted_and_given_time_to_stop(services: dict[str, Any]) -> None:
    for name in services.keys() - set(RUNS_TO_ITS_END):
        service = services[name]
        assert service["restart"] == "unless-stopped", name
        assert "stop_grace_period" in service, name
        assert service["healthcheck"]["test"][0] == "CMD", name


def test_what_runs_to_its_end_is_not_started_for_ever(services: dict[str, Any]) -> None:
    assert all(services[name]["restart"].startswith("on-failure:") for name in RUNS_TO_ITS_END)


def test_the_tables_are_there_before_anybody_uses_them(services: dict[str, Any]) -> None:
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    for name in ("api", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_tickets_are_accepted_without_the_engine(services: dict[str, Any]) -> None:
    assert not [name for name in services["api"]["depends_on"] if name.startswith("temporal")]


def test_api_and_worker_can_be_many(services: dict[str, Any]) -> None:
    for name in ("api", "worker"):
        assert "container_name" not in services[name]
        assert "ports" not in services[name], f"two of {name} cannot have one port of the machine"


def test_replicas_share_the_key_that_signs_tokens(services: dict[str, Any]) -> None:
    assert "TOKEN_KEY_FILE=/keys/token-key.json" in DOCKERFILE
    assert "FACTOR_KEY_FILE=/keys/factor-key" in DOCKERFILE
    assert "WEBHOOK_KEY_FILE=/keys/webhook-key" in DOCKERFILE
    assert "keys:/keys" in services["migrate"]["volumes"]
    assert "keys:/keys:ro" in services["api"]["volumes"]


def test_api_and_worker_share_the_keys_of_payloads_and_neither_can_change_them(services: dict[str, Any]) -> None:
    for name in ("api", "worker"):
        assert "payload-keys:/payload-keys:ro" in services[name]["volumes"]
        assert services[name]["environment"]["PAYLOAD_KEYS_FILE"] == "${PAYLOAD_KEYS_FILE:-}", "off unless it is set"
    assert "payload-keys:/payload-keys" in services["migrate"]["volumes"], "where a key is added"
    assert "keys:/keys:ro" in services["worker"]["volumes"], "it signs the links in mails"
    assert "/payload-keys" in DOCKERFILE


@pytest.mark.parametrize("name", OURS)
def test_every_variable_that_we_give_ourselves_is_a_setting(services: dict[str, Any], name: str) -> None:
    given = services[name]["environment"]
    assert given.keys() <= SETTINGS
    assert {"DATABASE_URL", "TEMPORAL_ADDRESS"} <= given.keys(), "or it would look for the embedded parts"


def test_the_image_sets_nothing_but_settings_and_what_python_reads() -> None:
    text = DOCKERFILE.replace("\\\n", " ")
    names = {word.split("=")[0] for line in text.splitlines() if line.startswith("ENV ") for word in line.split()[1:]}
    assert {name for name in names if not name.startswith(("PIP_", "PYTHON"))} - {"PATH"} <= SETTINGS


def test_a_default_is_the_settings_own() -> None:
    for name, kind, default in VARIABLE.findall(COMPOSE_TEXT):
        if kind == "-" and name in SETTINGS and default:
            assert str(Settings.model_fields[name.lower()].default) == default or name == "WORKER_BUILD_ID", name


def test_every_variable_that_an_operator_may_set_is_documented() -> None:
    text = (ROOT / ".env.example").read_text() + (ROOT / "docker" / "env.example").read_text()
    documented = set(re.findall(r"^(\w+)=", text, re.MULTILINE))
    assert {name for name, *_ in VARIABLE.findall(COMPOSE_TEXT)} <= documented


def test_no_secret_has_a_default(services: dict[str, Any]) -> None:
    for name, kind, _ in VARIABLE.findall(COMPOSE_TEXT):
        assert kind == "?" or "PASSWORD" not in name, f"{name} must be demanded"
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or name.endswith("_PWD"):
                assert value.startswith("${"), name


@pytest.mark.parametrize("name", OURS)
def test_it_is_production_and_says_where_it_is_reached(services: dict[str, Any], name: str) -> None:
    given = services[name]["environment"]
    assert given["ENVIRONMENT"] == "production"
    assert given["PUBLIC_URL"].startswith("${PUBLIC_URL:?")
    assert given["DEMO"] == "0"


def test_the_ports_of_the_engine_are_open_to_this_machine_only(services: dict[str, Any]) -> None:
    assert services["temporal"]["ports"] == ["127.0.0.1:${TEMPORAL_PORT:-7233}:7233"]
    assert services["temporal-ui"]["ports"] == ["127.0.0.1:${TEMPORAL_UI_PORT:-8233}:8080"]
    assert "ports" not in services["database"]
    assert "ports" not in services["temporal-database"]


def test_the_engine_has_a_postgresql_of_its_own(services: dict[str, Any]) -> None:
    engine = services["temporal"]["environment"]["POSTGRES_SEEDS"]
    assert engine in services
    assert f"@{engine}:" not in services["api"]["environment"]["DATABASE_URL"]
    assert services[engine]["volumes"] != services["database"]["volumes"]


def test_volumes_and_mounted_files_are_there(compose: dict[str, Any], services: dict[str, Any]) -> None:
    sources = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {source for source in sources if not source.startswith((".", "/"))} == compose["volumes"].keys()
    assert [source for source in sources if source.startswith(".") and not (ROOT / source).is_file()] == []


def test_files_that_wait_to_be_sent_wait_on_a_disk(services: dict[str, Any]) -> None:
    assert services["api"]["read_only"]
    assert "/tmp" in services["api"]["volumes"]  # noqa: S108  the container's own
    assert services["api"]["tmpfs"] == []


def test_images_are_pinned() -> None:
    images = re.findall(r"^\s*image: (\S+)", COMPOSE_TEXT, re.MULTILINE) + re.findall(
        r"^FROM (\S+)", DOCKERFILE, re.MULTILINE
    )
    assert images
    for image in images:
        assert re.search(r":\S*(\d|\$)", image), f"{image} has no version"
        assert not image.endswith(":latest")


def test_server_and_tools_of_the_engine_are_of_one_release(services: dict[str, Any]) -> None:
    tags = {services[name]["image"].split(":")[1] for name in ("temporal", "temporal-schema", "temporal-namespace")}
    assert len(tags) == 1


def test_the_namespace_gets_our_search_attributes() -> None:
    script = uncommented(ROOT / "docker" / "temporal-namespace.sh")
    for name in ("TicketStatus", "TicketPriority", "TicketTeam", "TicketAssignee", "SlaState", "NextDueAt"):
        assert name in script


@pytest.mark.parametrize("script", sorted((ROOT / "docker").glob("*.sh")), ids=lambda path: str(path.name))
def test_scripts_are_well_formed(script: Path) -> None:
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)


def test_the_context_admits_exactly_what_is_copied() -> None:
    admitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert admitted == {source.removeprefix("./") for source in copied()}
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_the_image_holds_all_that_its_programs_import(tmp_path: Path) -> None:
    for source in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, tmp_path / source)
    programs = "import api.__main__, worker, operations.seed, operations.reconcile, alembic.config"
    subprocess.run([sys.executable, "-I", "-B", "-c", f"import sys; sys.path.insert(0, '.'); {programs}"],
                   check=True, cwd=tmp_path)  # fmt: skip
