"""The manifests for Kubernetes: of the schemas' form, with commands that exist, and one key for all."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from das_hpo.cli import build_parser

ROOT = Path(__file__).parent.parent / "deploy" / "kubernetes"
yaml = pytest.importorskip("yaml", reason="PyYAML is not installed, with which the manifests are read")

#: The oldest version of Kubernetes that still has support when this was written, and a newer one.
VERSIONS = ("1.31", "1.33")
FILES = sorted(path for path in ROOT.rglob("*.yaml") if path.name != "kustomization.yaml")


def documents(text: str) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [document for document in yaml.safe_load_all(text) if document]


def pods(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The specifications of their pods."""
    return [each["spec"]["template"]["spec"] for each in found if "template" in each.get("spec", {})]


def require_valid(found: list[dict[str, Any]]) -> None:
    """Each is of its kind's form, without a field that the kind does not have."""
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed, which has Kubernetes' schemas"
    )
    for document in found:
        if document["apiVersion"].startswith("keda.sh/"):
            continue  # no schema of it is in a registry
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_object_is_valid(path: Path) -> None:
    """By Kubernetes' own schemas; each file belongs to a kustomization, but the run's, of which one makes many."""
    require_valid(documents(path.read_text()))
    listed = path.parent / "kustomization.yaml"
    assert path.name == "run.yaml" or path.name in yaml.safe_load(listed.read_text())["resources"]


@pytest.mark.parametrize("name", ["base", "keda", "cpu"])
def test_each_kustomization_is_built(name: str) -> None:
    """By kubectl, where there is one."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        ["kubectl", "kustomize", ROOT / name], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found = documents(done.stdout)
    require_valid(found)
    assert {each["metadata"].get("namespace", "das-hpo") for each in found} == {"das-hpo"}
    [worker] = [each for each in found if each["kind"] == "Deployment" and each["metadata"]["name"] == "worker"]
    [container] = worker["spec"]["template"]["spec"]["containers"]
    assert ("cuda" in container["args"]) == ("nvidia.com/gpu" in container["resources"]["limits"]) == (name != "cpu")
    assert ("ScaledObject" in {each["kind"] for each in found}) == (name == "keda")


def test_containers_run_commands_that_exist() -> None:
    """With the key as a file that they alone can read, and nothing of the host or the cluster's own credentials."""
    found = [each for path in FILES for each in documents(path.read_text())]
    ours = [pod for pod in pods(found) if pod["containers"][0]["image"] == "das-hpo"]
    assert sorted(pod["containers"][0]["name"] for pod in ours) == ["demand", "nameserver", "run", "worker"]
    for pod in ours:
        [container] = pod["containers"]
        build_parser().parse_args(container["args"])
        assert {"name": "DAS_HPO_KEY_FILE", "value": "/key/key"} in container["env"]
        assert pod["initContainers"][0]["command"] == ["install", "-m", "600", "/secret/key", "/key/key"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        # Kubernetes' variable DAS_HPO_..., of a service of such a name, would be taken for one of das-hpo's own.
        assert pod["enableServiceLinks"] is False


def test_selectors_find_their_pods() -> None:
    """Each service its pods, and the autoscaler the workers."""
    found = [each for path in FILES for each in documents(path.read_text())]
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in found if "template" in each.get("spec", {})]
    for service in (each for each in found if each["kind"] == "Service"):
        assert service["spec"]["selector"] in labels
    [scaled] = [each for each in found if each["kind"] == "ScaledObject"]
    assert scaled["spec"]["scaleTargetRef"]["name"] in {each["metadata"].get("name") for each in found}
    [trigger] = scaled["spec"]["triggers"]
    assert trigger["metadata"]["url"] == "http://demand.das-hpo.svc:9091/demand"
    assert trigger["metadata"]["valueLocation"] == "evaluations"
