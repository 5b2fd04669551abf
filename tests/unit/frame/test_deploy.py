"""There is neither an engine nor a cluster where the tests run: what the manifests name is checked to be there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.routing import Route

from facade.app import create_app
from facade.cli.serving import GRACE
from facade.settings import Settings
from facade.web.middleware.draining import Draining

Manifest = dict[str, Any]


@pytest.fixture(scope="session")
def manifests(root: Path) -> dict[tuple[str, str], Manifest]:
    """All of Kubernetes', by kind and name."""
    found = {}
    for path in sorted((root / "deploy" / "kubernetes").glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            name = manifest.get("metadata", {}).get("name", path.stem)
            assert (manifest["kind"], name) not in found
            found[manifest["kind"], name] = manifest
    return found


@pytest.fixture(scope="session")
def compose(root: Path) -> Manifest:
    composed: Manifest = yaml.safe_load((root / "deploy" / "compose.yaml").read_text())
    return composed


@pytest.fixture(scope="session")
def example(root: Path) -> dict[str, str]:
    lines = (root / "deploy" / "facade.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture
def facade(manifests: dict[tuple[str, str], Manifest]) -> Manifest:
    """The pod's specification."""
    pod: Manifest = manifests["Deployment", "facade"]["spec"]["template"]["spec"]
    return pod


def pods(manifests: dict[tuple[str, str], Manifest]) -> Iterator[tuple[dict[str, str], Manifest]]:
    """Labels and specification of each workload's pods."""
    for (kind, _), manifest in manifests.items():
        if kind in ("Deployment", "StatefulSet"):
            template = manifest["spec"]["template"]
            assert manifest["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
            yield template["metadata"]["labels"], template["spec"]


def port(of: Manifest, name: str) -> int:
    [number] = [port["containerPort"] for port in of["containers"][0]["ports"] if port["name"] == name]
    return int(number)


def mebibytes(size: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", size).groups()  # type: ignore[union-attr]
    return int(number) * {"mi": 1, "m": 1, "mb": 1, "gi": 1024, "g": 1024}[unit.lower()]


def test_the_settings_of_the_manifests_start_a_facade(
    manifests: dict[tuple[str, str], Manifest], facade: Manifest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    given: dict[str, str] = {}
    for source in facade["containers"][0]["envFrom"]:
        [(kind, reference)] = source.items()
        manifest = manifests[{"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], reference["name"]]
        given |= manifest.get("data") or manifest["stringData"]
    assert all(isinstance(value, str) for value in given.values())
    assert set(given) <= {str(field.validation_alias) for field in Settings.model_fields.values()}
    settings = Settings(**given)
    settings.host = "0.0.0.0"
    settings.require_safe_host()
    assert settings.is_cache_shared
    assert f"{settings.port}" == f"{port(facade, 'http')}"
    assert settings.cache_max_bytes < 2**20 * mebibytes(facade["containers"][0]["resources"]["limits"]["memory"]) / 2


def test_the_settings_of_the_compose_file_start_a_facade(
    compose: Manifest, example: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    service = compose["services"]["facade"]
    assert service["env_file"] == "facade.env"
    given = {name: value for name, value in example.items() if name.startswith(("FACADE_", "BUTLR_"))}
    given |= service["environment"]
    assert set(given) <= {str(field.validation_alias) for field in Settings.model_fields.values()}
    given = {
        name: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: example[found[1]], value) for name, value in given.items()
    }
    settings = Settings(**given)
    settings.host = "0.0.0.0"
    settings.require_safe_host()
    assert settings.cache_url.get_secret_value() == "redis://:change-me@valkey:6379/0"
    [ports] = service["ports"]
    first, last = re.fullmatch(rf"127\.0\.0\.1:(\d+)-(\d+):{settings.port}", ports).groups()  # type: ignore[union-attr]
    assert int(last) - int(first) + 1 == service["deploy"]["replicas"] == 2


def test_probes_ask_paths_that_are_served(facade: Manifest) -> None:
    served = {route.path for route in create_app(Settings(_env_file=None)).routes if isinstance(route, Route)}
    [container] = facade["containers"]
    probed = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: probe["path"] for name, probe in probed.items()} == {
        # A replica without its upstream or cache is of use, and one that drains is not dead.
        "startup": "/healthz",
        "readiness": "/readyz",
        "liveness": "/healthz",
    }
    assert {probe["path"] for probe in probed.values()} <= served
    assert {probe["port"] for probe in probed.values()} == {"http"}


def test_there_is_time_for_what_is_under_way(facade: Manifest, compose: Manifest) -> None:
    [_, seconds] = facade["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    listening_on = Draining()._most
    assert facade["terminationGracePeriodSeconds"] > int(seconds) + listening_on + GRACE
    # Kubernetes sends nothing new only once it has seen that.
    assert int(compose["services"]["facade"]["stop_grace_period"].removesuffix("s")) > listening_on + GRACE


def test_nothing_runs_with_rights_it_does_not_need(
    root: Path, manifests: dict[tuple[str, str], Manifest], facade: Manifest, compose: Manifest
) -> None:
    for _, pod in pods(manifests):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            own = container["securityContext"]
            assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]) == {"requests", "limits"}
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert f"--uid {facade['securityContext']['runAsUser']} " in (root / "Dockerfile").read_text()


def test_what_is_selected_and_named_is_there(root: Path, manifests: dict[tuple[str, str], Manifest]) -> None:
    labels = [of for of, _ in pods(manifests)]
    selectors = [
        *(manifests[kind, "facade"]["spec"]["selector"]["matchLabels"] for kind in ("PodDisruptionBudget",)),
        *(manifests["Service", name]["spec"]["selector"] for name in ("facade", "facade-cache")),
        *(
            manifests["NetworkPolicy", name]["spec"]["podSelector"]["matchLabels"]
            for name in ("facade", "facade-cache")
        ),
    ]
    for selector in selectors:
        assert any(selector.items() <= of.items() for of in labels), selector
    scaled = manifests["HorizontalPodAutoscaler", "facade"]["spec"]
    deployment = manifests["Deployment", "facade"]
    assert scaled["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "facade"}
    assert scaled["minReplicas"] == deployment["spec"]["replicas"] == 3
    assert manifests["PodDisruptionBudget", "facade"]["spec"]["minAvailable"] < scaled["minReplicas"]
    for name, of in (("facade", "http"), ("facade-cache", "valkey")):
        [service_port] = manifests["Service", name]["spec"]["ports"]
        assert service_port["targetPort"] == of
    folder = root / "deploy" / "kubernetes"
    listed = manifests["Kustomization", "kustomization"]["resources"]
    assert {*listed, "kustomization.yaml"} == {path.name for path in folder.iterdir()}


def test_the_network_lets_through_what_the_parts_say_to_each_other(
    manifests: dict[tuple[str, str], Manifest], facade: Manifest
) -> None:
    cache = manifests["StatefulSet", "facade-cache"]["spec"]["template"]["spec"]
    policies = {name: manifests["NetworkPolicy", name]["spec"] for name in ("facade", "facade-cache")}
    [into] = policies["facade"]["ingress"]
    assert [of["port"] for of in into["ports"]] == [port(facade, "http")]
    [into_cache] = policies["facade-cache"]["ingress"]
    assert [of["port"] for of in into_cache["ports"]] == [port(cache, "valkey")]
    assert into_cache["from"] == [{"podSelector": policies["facade"]["podSelector"]}]
    # Nothing goes out of the cache.
    assert "Egress" in policies["facade-cache"]["policyTypes"]
    assert "egress" not in policies["facade-cache"]
    out = {of["port"] for rule in policies["facade"]["egress"] for of in rule["ports"]}
    url = manifests["Secret", "facade"]["stringData"]["FACADE_CACHE_URL"]
    assert out == {53, 443, int(re.search(r":(\d+)/", url)[1])}  # type: ignore[index]
    assert "@facade-cache:" in url


def test_the_cache_keeps_the_index_longest_and_fits_its_limit(
    manifests: dict[tuple[str, str], Manifest], compose: Manifest
) -> None:
    [container] = manifests["StatefulSet", "facade-cache"]["spec"]["template"]["spec"]["containers"]
    service = compose["services"]["valkey"]
    assert container["image"] == service["image"]
    for command, limit in (
        (container["command"][-1], container["resources"]["limits"]["memory"]),
        (service["command"][-1].replace("$$", "$"), service["deploy"]["resources"]["limits"]["memory"]),
    ):
        options = dict(re.findall(r"--(\S+) (\S+)", command))
        assert options["maxmemory-policy"] == "volatile-ttl"
        assert options["requirepass"] == '"$VALKEY_PASSWORD"'
        assert mebibytes(options["maxmemory"]) * 1.2 < mebibytes(limit)


def test_no_filled_in_file_goes_into_git(root: Path, example: dict[str, str]) -> None:
    assert "deploy/facade.env" in (root / ".gitignore").read_text().splitlines()
    assert {example[name] for name in ("FACADE_API_KEYS", "BUTLR_CLIENT_SECRET", "VALKEY_PASSWORD")} == {"change-me"}
