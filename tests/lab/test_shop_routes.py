"""The shop's routes are ones the adapters can split, with something in them that a release must leave alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from delivery.lab.laboratory import mesh_definitions
from delivery.lab.shop import NAME, NAMESPACE
from delivery.lab.shop_routes import MeshName, shop_routes


@pytest.mark.parametrize("mesh", list(MeshName))
def test_the_adapter_finds_splits_reads_and_restores_the_route(mesh: MeshName) -> None:
    routes = shop_routes(mesh)
    _, route = routes.objects[0]
    beside = [obj for _, obj in routes.objects[1:]]
    assert routes.kind.name == routes.adapter.ref.kind
    assert routes.adapter.find([route], NAMESPACE, NAME) == [route]
    split = routes.adapter.suited([route], replace(routes.split, canary_weight=12.5, subsets=None), beside)
    assert split.subsets == routes.subsets
    planned = routes.adapter.plan(route, split)
    assert planned != route
    assert routes.adapter.read(planned, routes.split) == 12.5
    assert routes.adapter.restore(planned, routes.adapter.save(route, split), split) == route


def test_without_real_ones_the_lab_installs_its_own_crds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HEADGATE_TEST_CRDS", raising=False)
    own = {path.stem for path in mesh_definitions()}
    assert {"virtualservices", "httproutes", "linkerd-httproutes", "trafficsplits"} <= own
    (tmp_path / "real.yaml").touch()
    monkeypatch.setenv("HEADGATE_TEST_CRDS", str(tmp_path))
    assert mesh_definitions() == [tmp_path / "real.yaml"]
