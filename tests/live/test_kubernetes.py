"""The example for Kubernetes: its schema, and that our own part of it is right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="needs PyYAML")

MANIFEST = Path(__file__).parents[2] / "examples" / "kubernetes" / "rnnedge.yaml"


@pytest.fixture
def resources() -> list[dict[str, Any]]:
    """Those of the example."""
    return list(yaml.safe_load_all(MANIFEST.read_text()))


def test_kubernetes_takes_it(resources: list[dict[str, Any]]) -> None:
    """By the schemas of its API, strictly; one with a wrong word is refused."""
    validate = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate")
    for resource in resources:
        validate.validate(resource, "1.31", strict=True)
    resources[0]["spec"]["replica"] = 2
    with pytest.raises(validate.ValidationError):
        validate.validate(resources[0], "1.31", strict=True)


def test_the_server_takes_its_options(resources: list[dict[str, Any]]) -> None:
    """Each is one of the verb, ports and paths are those that it answers on, and names refer to one another."""
    import typer.main

    from rnnedge.cli._app import app

    deployment, service, budget, scaler = resources
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    verb, _, *options = container["args"]
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    known = {name for parameter in command.params for name in parameter.opts}
    given = dict(re.fullmatch(r"(--[\w-]+)=(.+)", one).groups() for one in options)  # type: ignore[union-attr]
    assert set(given) <= known
    with command.make_context("serve", ["net.onnx", *options]) as context:
        assert (context.params["workers"], context.params["grpc_port"]) == (4, 8001)
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        assert ports == {"http": context.params["port"], "grpc": context.params["grpc_port"]}
    assert {one["targetPort"] for one in service["spec"]["ports"]} == set(ports)
    probes = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")]
    assert probes == ["/health", "/ready"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
