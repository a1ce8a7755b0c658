"""The Helm chart: what it renders is what DocuGen needs, and no setting slips in that does not exist.

Helm itself is not asked here: `make check-deploy` renders the chart; what came of each example is in tests/deploy/manifests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_process import ROOT
from deploy.prometheus_rules import read_yaml
from docugen_core.config import declarations
from docugen_core.environment import load
from docugen_scheduler.external_scaler import jobs_per_worker
from jsonschema_rs import ValidationError, validator_for

CHART = ROOT / "deploy" / "helm" / "docugen"
EXAMPLES = sorted((ROOT / "deploy" / "helm" / "examples").glob("*.yaml"))
NAMES = [path.stem for path in EXAMPLES]
MANIFESTS = ROOT / "tests" / "deploy" / "manifests"
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
MOUNTED = Path("/run/docugen")


def manifests(name: str, kind: str = "") -> list[dict[str, Any]]:
    """What an example becomes, or what of it is of one kind."""
    paths = [MANIFESTS / folder / f"{name}.yaml" for folder in ("core", "custom")]
    found = [document for path in paths if path.exists() for document in yaml.safe_load_all(path.read_text())]
    return [document for document in found if document["kind"] == kind or not kind]


def pods(name: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Component, pod and container of each deployment."""
    for deployment in manifests(name, "Deployment"):
        template = deployment["spec"]["template"]
        (container,) = template["spec"]["containers"]
        yield template["metadata"]["labels"]["app.kubernetes.io/component"], template["spec"], container


def settings(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"] if one["name"].startswith("DOCUGEN_")}


def run(tool: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, f"tools/{tool}.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_chart_was_rendered_since_it_was_changed() -> None:
    digest = run("helm_chart", "--digest").strip()
    committed = (MANIFESTS / "chart.sha256").read_text().strip()
    assert committed == digest, "run `python tools/helm_chart.py` where there is a Helm"


def test_the_schema_offers_every_setting_but_those_the_chart_makes() -> None:
    run("helm_schema", "--check")


@pytest.mark.parametrize("name", NAMES)
def test_the_services_start_with_what_they_are_given(name: str, tmp_path: Path) -> None:
    for _, _, container in pods(name):
        given = settings(container)
        assert given.keys() <= {d.env for d in declarations()} | {"DOCUGEN_REDIS_URL_FILE"}
        if "DOCUGEN_REDIS_URL_FILE" in given:
            (tmp_path / "url").write_text("redis://user:password@redis:6379/0")
            given["DOCUGEN_REDIS_URL_FILE"] = str(tmp_path / "url")
        loaded = load(given)
        assert loaded.queue_enabled is ("worker" in {who for who, _, _ in pods(name)})


@pytest.mark.parametrize("name", NAMES)
def test_examples_and_defaults_keep_the_schema(name: str) -> None:
    values = read_yaml(ROOT / "deploy" / "helm" / "examples" / f"{name}.yaml")
    validator_for(SCHEMA).validate(values)
    validator_for(SCHEMA).validate(read_yaml(CHART / "values.yaml"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"DOCUGEN_MAX_PAGE": 1}},
        {"settings": {"DOCUGEN_MAX_PAGES": 0}},
        {"settings": {"DOCUGEN_QUEUE_ENABLED": True}},
        {"settings": {"DOCUGEN_REDIS_URL": "redis://:password@redis:6379/0"}},
        {"extraEnv": [{"name": "DOCUGEN_MAX_PAGES", "value": "1"}]},
        {"replicas": 2},
    ],
)
def test_a_setting_that_is_none_or_has_another_place_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validator_for(SCHEMA).validate(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_the_pod_outlives_the_grace_and_its_hook(name: str) -> None:
    for _, pod, container in pods(name):
        hook = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        grace_s = int(settings(container)["DOCUGEN_GRACE_MS"]) / 1_000
        assert pod["terminationGracePeriodSeconds"] >= grace_s + hook + 5


@pytest.mark.parametrize("name", NAMES)
def test_pods_are_nobody_write_nowhere_and_have_no_token_of_the_cluster(name: str) -> None:
    for _, pod, container in pods(name):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False
        writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
        assert writable == {"/var/lib/docugen", "/tmp"}
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_puts_no_environment_of_services_in(name: str) -> None:
    """A service called docugen-scheduler would become DOCUGEN_SCHEDULER_PORT, a setting that does not exist."""
    assert all(pod["enableServiceLinks"] is False for _, pod, _ in pods(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_a_setting_names_is_mounted_for_the_group_alone(name: str) -> None:
    for _, pod, container in pods(name):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {Path(m["mountPath"]): volumes[m["name"]] for m in container["volumeMounts"]}
        for value in settings(container).values():
            if not value.startswith(str(MOUNTED)):
                continue
            secret = mounts[Path(value).parent]["secret"]
            assert secret["defaultMode"] == 0o440
            items = {item["path"] for item in secret.get("items", [])} or {"tls.crt", "tls.key", "ca.crt"}
            assert Path(value).name in items
        assert pod["securityContext"]["fsGroup"] == 10001


@pytest.mark.parametrize("name", NAMES)
def test_probes_ask_health_where_it_is_served_and_by_a_program_where_that_is_tls(name: str) -> None:
    ports = {"scheduler": ("DOCUGEN_GRPC_ADDRESS", 50051), "worker": ("DOCUGEN_WORKER_GRPC_ADDRESS", 50052)}
    for who, _, container in pods(name):
        setting, port = ports[who]
        assert settings(container)[setting] == f"0.0.0.0:{port}"
        for probe, service in (("startup", "liveness"), ("liveness", "liveness"), ("readiness", "readiness")):
            asked = container[f"{probe}Probe"]
            if "DOCUGEN_TLS_CERT" in settings(container):
                command = ["python", "-m", "docugen_scheduler.probe", f"127.0.0.1:{port}", service]
                assert asked["exec"] == {"command": command}
            else:
                assert asked["grpc"] == {"port": port, "service": service}


def test_without_a_queue_there_is_one_scheduler_that_leaves_before_the_next_comes() -> None:
    (deployment,) = manifests("inline", "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("name", NAMES)
def test_renders_are_as_many_as_the_slots_whatever_the_node_has(name: str) -> None:
    """Without the setting there would be one for each core of the node, far beyond the limit of memory."""
    for who, _, container in pods(name):
        given = settings(container)
        slots = given["DOCUGEN_QUEUE_CONCURRENCY" if who == "worker" else "DOCUGEN_INLINE_CONCURRENCY"]
        assert given["DOCUGEN_RENDER_PROCESSES"] == slots


def test_keda_asks_the_scheduler_for_what_the_slots_of_a_worker_take() -> None:
    (scaled,) = manifests("keda", "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    (worker,) = [container for who, _, container in pods("keda") if who == "worker"]
    assert trigger["type"] == "external"
    assert jobs_per_worker(trigger["metadata"]) == 2 * int(settings(worker)["DOCUGEN_QUEUE_CONCURRENCY"])
    (service,) = manifests("keda", "Service")
    assert trigger["metadata"]["scalerAddress"] == f"{service['metadata']['name']}.docs.svc:50051"
    (credentials,) = manifests("keda", "TriggerAuthentication")
    assert trigger["authenticationRef"] == {"name": credentials["metadata"]["name"]}
    named = {target["parameter"] for target in credentials["spec"]["secretTargetRef"]}
    assert named == {"caCert", "tlsClientCert", "tlsClientKey"}
    (deployment,) = [d for d in manifests("keda", "Deployment") if d["metadata"]["name"].endswith("-worker")]
    assert scaled["spec"]["scaleTargetRef"] == {"name": deployment["metadata"]["name"]}
    assert "replicas" not in deployment["spec"], "an upgrade would undo what the autoscaler chose"


@pytest.mark.parametrize("name", NAMES)
def test_every_pod_has_a_policy_that_lets_metrics_be_read_and_calls_in_where_it_serves(name: str) -> None:
    policies = {
        policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: policy["spec"]
        for policy in manifests(name, "NetworkPolicy")
    }
    for who, _, container in pods(name):
        open_ports = {port["port"] for rule in policies[who]["ingress"] for port in rule["ports"]}
        assert open_ports == {p["containerPort"] for p in container["ports"]} - {50052}
        reached = {port["port"] for rule in policies[who]["egress"] for port in rule["ports"]}
        assert (6379 in reached) is ("DOCUGEN_REDIS_URL_FILE" in settings(container))
        assert (443 in reached) is settings(container)["DOCUGEN_STORE_URL"].startswith("s3://")


def test_monitors_find_their_ports_and_keep_the_names_of_the_jobs() -> None:
    (service,), (of_service,), (of_pods,) = (
        manifests("monitoring", kind) for kind in ("Service", "ServiceMonitor", "PodMonitor")
    )
    jobs = {job["job_name"] for job in read_yaml(ROOT / "deploy/prometheus/prometheus.yml")["scrape_configs"]}
    assert of_service["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    found = set()
    for endpoint in (*of_service["spec"]["endpoints"], *of_pods["spec"]["podMetricsEndpoints"]):
        assert endpoint["port"] == "metrics"
        found |= {relabeling["replacement"] for relabeling in endpoint["relabelings"]}
    assert found <= jobs


def test_rules_and_dashboard_are_the_ones_of_this_repository() -> None:
    assert sorted(p.name for p in (CHART / "files/rules").iterdir()) == sorted(
        p.name for p in (ROOT / "deploy/prometheus/rules").iterdir()
    )
    assert (CHART / "files/dashboards/docugen.json").samefile(ROOT / "deploy/grafana/dashboards/docugen.json")


def test_every_refusal_says_what_it_is_refused_for() -> None:
    for path in (ROOT / "deploy" / "helm" / "refused").glob("*.yaml"):
        first, *rest = path.read_text().splitlines()
        assert first.startswith("# refused: ")
        assert rest
