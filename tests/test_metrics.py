"""The metrics: names and units as Prometheus wants them, no label that could grow without bound."""

from __future__ import annotations

import prometheus_client
from prometheus_client import generate_latest

from voicesrv import metrics

METRICS = {name: each for name, each in vars(metrics).items() if name.isupper() and hasattr(each, "_labelnames")}
BOUNDED = {"kind", "cause", "stage", "direction", "what", "code", "engine", "outcome"}


def test_each_is_named_by_the_rules() -> None:
    """https://prometheus.io/docs/practices/naming/"""
    assert len(METRICS) >= 10
    for family in metrics.REGISTRY.collect():
        assert family.name.startswith("voicesrv_") and family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_labels_are_few() -> None:
    for each in METRICS.values():
        assert set(each._labelnames) <= BOUNDED and len(each._labelnames) <= 1


def test_all_are_in_our_registry_and_none_in_the_shared_one() -> None:
    text = generate_latest(metrics.REGISTRY).decode()
    for each in METRICS.values():
        assert f"# HELP {each._name}" in text
    assert "voicesrv_" not in generate_latest(prometheus_client.REGISTRY).decode()
