"""docker-compose.yml and the images: what they say is what DocuGen needs. No container is run; the parts that can be are.

`make check-deploy` shows the same files to docker-compose and hadolint where those are installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import ROOT, environment
from deploy.prometheus_rules import read_yaml
from docugen_core.adapters.embedded_redis import EmbeddedRedis, valkey_binary
from docugen_core.adapters.redis_connection import RedisConnection
from docugen_core.config import declarations
from redis import Redis
from redis.exceptions import NoPermissionError
from redis_servers import free_port

COMPOSE = read_yaml(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("scheduler", "worker")
SECRETS_SCRIPT = ROOT / "deploy" / "compose" / "secrets.sh"
DOCKERFILES = {name: (ROOT / "services" / name / "Dockerfile").read_text(encoding="utf-8") for name in OURS}


def test_the_scheduler_runs_alone_and_the_rest_by_profile() -> None:
    profiles = {name: service.get("profiles", []) for name, service in SERVICES.items()}
    assert profiles == {
        "scheduler": [],
        "worker": ["queue"],
        "redis": ["queue"],
        "prometheus": ["monitoring"],
        "alertmanager": ["monitoring"],
        "grafana": ["monitoring"],
    }
    assert SERVICES["scheduler"]["depends_on"] == {"redis": {"condition": "service_healthy", "required": False}}
    assert SERVICES["scheduler"]["environment"]["DOCUGEN_QUEUE_ENABLED"] == "${DOCUGEN_QUEUE_ENABLED:-false}"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_reachable_from_this_machine_alone_looked_after_and_pinned(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["healthcheck"]["test"]
    assert service["logging"]["options"]["max-size"]
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?", service["image"]), "a tag that moves"
    assert "no-new-privileges:true" in service["security_opt"]


def test_scheduler_and_worker_share_the_store_and_the_user_that_writes_it() -> None:
    assert [SERVICES[name]["volumes"] for name in OURS] == [["store:/var/lib/docugen"]] * 2
    for text in DOCKERFILES.values():
        assert "USER 10001:10001" in text
        assert "DOCUGEN_STORE_URL=file:///var/lib/docugen/store" in text
        assert text.count("\nFROM ") + text.startswith("FROM ") == 2, "two stages"


def test_both_images_are_built_alike() -> None:
    build = [text[text.index("\nFROM ") : text.index("# --- the image")] for text in DOCKERFILES.values()]
    assert build[0] == build[1]


@pytest.mark.parametrize(
    "path",
    ["docker-compose.yml", ".env.example", "services/worker/Dockerfile", "services/scheduler/Dockerfile"],
)
def test_every_setting_named_in_a_deployment_exists(path: str) -> None:
    known = {declaration.env for declaration in declarations()}
    named = set(re.findall(r"DOCUGEN_[A-Z0-9_]*[A-Z0-9]", (ROOT / path).read_text(encoding="utf-8")))
    assert named
    assert named <= known


def test_prometheus_asks_where_the_services_answer() -> None:
    jobs = {job["job_name"]: job for job in read_yaml(ROOT / "deploy/prometheus/prometheus.yml")["scrape_configs"]}
    scheduler_address = SERVICES["scheduler"]["environment"]["DOCUGEN_METRICS_ADDRESS"]
    assert jobs["docugen-scheduler"]["static_configs"] == [
        {"targets": [scheduler_address.replace("0.0.0.0", "scheduler")]}  # noqa: S104 - of a container
    ]
    (worker,) = jobs["docugen-worker"]["dns_sd_configs"]
    assert worker["names"] == ["worker"]
    assert f"DOCUGEN_WORKER_METRICS_ADDRESS=0.0.0.0:{worker['port']}" in DOCKERFILES["worker"]


def test_grafana_finds_its_files_and_prometheus_and_lets_nobody_change_anything() -> None:
    provisioning = ROOT / "deploy/grafana/provisioning"
    mounted = {target: source for source, target, *_ in (v.split(":") for v in SERVICES["grafana"]["volumes"])}
    assert mounted["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"
    (provider,) = read_yaml(provisioning / "dashboards/docugen.yml")["providers"]
    dashboards = ROOT / mounted[provider["options"]["path"]]
    assert [path.name for path in dashboards.iterdir()] == ["docugen.json"]
    (source,) = read_yaml(provisioning / "datasources/docugen.yml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert set(SERVICES["grafana"]["networks"]) & set(SERVICES["prometheus"]["networks"])
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (dashboards / home.name).exists()
    assert str(home.parent) == provider["options"]["path"]


def test_every_severity_has_a_receiver() -> None:
    config = read_yaml(ROOT / "deploy/alertmanager/alertmanager.yml")
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routes = {tuple(route["matchers"]): route["receiver"] for route in config["route"]["routes"]}
    assert routes == {("severity = page",): "page"}
    assert config["route"]["receiver"] == "ticket"
    assert receivers == {"page", "ticket"}


def test_no_secret_is_written_down() -> None:
    for service in SERVICES.values():
        assert not re.search("password|token|secret", str(service.get("environment", {})), re.IGNORECASE)
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("${SECRETS_FOLDER:-./deploy/compose/none}/")
    assert (ROOT / "deploy/compose/none/scheduler-redis-url").read_bytes() == b""


def test_images_are_built_from_nothing_that_could_hold_a_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = {
        word
        for text in DOCKERFILES.values()
        for found in re.findall("^COPY (?!--)(.+) ", text, re.MULTILINE)
        for word in found.split()
    }
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied


@pytest.mark.parametrize(("file", "found"), [("redis://u:p@redis:6379/0", "redis://u:p@redis:6379/0"), ("", None)])
def test_the_entrypoint_takes_the_url_of_redis_from_its_file(tmp_path: Path, file: str, found: str | None) -> None:
    secret = tmp_path / "redis_url"
    secret.write_text(file)
    shell, option, script, name = SERVICES["scheduler"]["entrypoint"]
    assert SERVICES["worker"]["entrypoint"] == [shell, option, script, name]
    here = script.replace("$$", "$").replace("/run/secrets/redis_url", str(secret))
    ask = "import os; print(os.environ.get('DOCUGEN_REDIS_URL'))"
    done = subprocess.run(
        [shell, option, here, name, sys.executable, "-c", ask],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(found)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A folder of secrets, as the script makes it."""
    folder = tmp_path / "secrets"
    subprocess.run(["sh", SECRETS_SCRIPT, folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def redis(secrets: Path, tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server with exactly the settings and users of the compose file."""
    words = SERVICES["redis"]["command"][1:]
    given = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    assert given["aclfile"] == "/run/secrets/users.acl"
    # The embedded server's own settings are overridden with Redis's defaults, so that only the compose file's can help.
    plain = {
        "appendonly": "no",
        "appendfsync": "everysec",
        "maxmemory-policy": "allkeys-lru",
        "hash-max-listpack-value": "64",
    }
    settings = plain | given | {"aclfile": str(secrets / "users.acl")}
    with EmbeddedRedis(tmp_path / "redis", binary=valkey_binary(), port=free_port(), settings=settings) as server:
        yield server


async def test_services_log_in_with_their_files_and_find_a_redis_that_is_fit(
    redis: EmbeddedRedis, secrets: Path
) -> None:
    for name in OURS:
        url = (secrets / f"{name}-redis-url").read_text()
        assert url.startswith(f"redis://docugen-{name}:")
        async with RedisConnection(url.replace("@redis:6379", f"@127.0.0.1:{redis.port}")) as connection:
            await connection.check_server()


def test_the_health_check_may_ask_whether_redis_answers_and_nothing_else(redis: EmbeddedRedis) -> None:
    asks = SERVICES["redis"]["healthcheck"]["test"][1]
    user, password = re.findall(r"--(?:user|pass) (\w+)", asks)
    with Redis(port=redis.port, username=user, password=password) as client:
        assert client.ping()
        with pytest.raises(NoPermissionError):
            client.dbsize()


def test_an_operator_sees_the_settings_that_keep_jobs(redis: EmbeddedRedis, secrets: Path) -> None:
    password = (secrets / "operator-password").read_text()
    with Redis(port=redis.port, username="operator", password=password, decode_responses=True) as client:
        found: Any = client.config_get("append*", "maxmemory-policy", "hash-max-listpack-value")
    assert found["appendonly"] == "yes"
    assert found["appendfsync"] == "always"
    assert found["maxmemory-policy"] == "noeviction"
    assert found["hash-max-listpack-value"] == "1024"


def test_secrets_are_made_once_and_only_their_owner_comes_to_them(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    again = subprocess.run(["sh", SECRETS_SCRIPT, secrets], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "has secrets already" in again.stderr
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o077 == 0
    assert b"#" + b"0" * 64 not in before["users.acl"], "a user whose password is nothing"
