"""An application of three services and a site, made from an example: released, taken back and promoted as one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.local.clone import Clone, application_in

ENVIRONMENTS = ("dev", "impl")
REACHED = ("orders", "search")
SERVICES = (*REACHED, "worker")
SEARCH = Path("search") / "main.go"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """Released to dev, and promoted to impl."""
    clone = application_in(tmp_path_factory.mktemp("application") / "shop", "two-services")
    clone.first_version = clone.version
    try:
        clone.first_up = "".join(clone.up("--env", environment) for environment in ENVIRONMENTS)
        yield clone
    finally:
        clone.local("down")


def images(clone: Clone, environment: str) -> dict[str, str]:
    """The digest of each service's image, as it is proven."""
    services = clone.outputs(environment)["release"]["services"]
    return {name: service["image"].rpartition("@")[2] for name, service in services.items()}


def built(clone: Clone, environment: str) -> int:
    """How many images the program of an environment builds."""
    state = json.loads(clone.run(f"pulumi stack export -s {environment}"))
    return sum(resource["type"] == "docker:index/image:Image" for resource in state["deployment"]["resources"])


def running(clone: Clone, environment: str) -> dict[str, tuple[str, str, int]]:
    """What ECS runs of each service: revision, image and number of tasks."""
    outputs, ecs = clone.outputs(environment), clone.aws("ecs")
    result = {}
    for name, service in outputs["services"].items():
        (state,) = ecs.describe_services(cluster=outputs["cluster"], services=[service["service"]])["services"]
        revision = state["taskDefinition"]
        definition = ecs.describe_task_definition(taskDefinition=revision)["taskDefinition"]
        (container,) = definition["containerDefinitions"]
        result[name] = (revision, container["image"], state["runningCount"])
    return result


def proven(outputs: Mapping[str, Any], tasks: int = 1) -> dict[str, tuple[str, str, int]]:
    """The same as the record has it, with so many tasks each."""
    services = outputs["release"]["services"]
    return {name: (service["taskDefinition"], service["image"], tasks) for name, service in services.items()}


def versions(clone: Clone, environment: str) -> dict[str, str]:
    """What each health check and the site answer at their public addresses."""
    outputs = clone.outputs(environment)
    addresses = {name: outputs["services"][name]["healthcheckUrl"] for name in REACHED}
    addresses["shop"] = outputs["sites"]["shop"]["url"] + "/version.json"
    answers = {name: clone.get(address) for name, address in addresses.items()}
    return {name: json.loads(body)["version"] for name, (status, body) in answers.items() if status == 200}


def answers_of(version: str) -> dict[str, str]:
    return dict.fromkeys((*REACHED, "shop"), version)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_all_services_and_the_site_are_one_version(shop: Clone, environment: str) -> None:
    outputs = shop.outputs(environment)
    assert outputs["release"]["version"] == shop.version
    assert set(outputs["services"]) == set(outputs["release"]["services"]) == set(SERVICES)
    assert set(outputs["sites"]) == set(outputs["release"]["sites"]) == {"shop"}
    assert {name for name, service in outputs["services"].items() if "healthcheckUrl" in service} == set(REACHED)
    assert versions(shop, environment) == answers_of(shop.version)
    assert running(shop, environment) == proven(outputs)


def test_each_image_is_built_once_and_promoted_by_its_digest(shop: Clone) -> None:
    dev = images(shop, "dev")
    assert len(set(dev.values())) == len(SERVICES)
    assert images(shop, "impl") == dev
    assert (built(shop, "dev"), built(shop, "impl")) == (len(SERVICES), 0)


def test_paths_tell_the_services_and_the_site_apart(shop: Clone) -> None:
    url = shop.outputs("dev")["url"]
    assert json.loads(shop.get(f"{url}/search/tea")[1]) == ["green tea", "black tea"]
    assert shop.get(f"{url}/orders/nothing")[0] == 405, "an order is posted"
    assert b"/shop.js" in shop.get(f"{url}/")[1]


def test_the_worker_works_in_both(shop: Clone) -> None:
    for environment in ENVIRONMENTS:
        group = f"/ecs/shop-{environment}-worker"
        events = shop.aws("logs").filter_log_events(logGroupName=group)["events"]
        assert f"working, version {shop.version}" in "".join(event["message"] for event in events)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_status_names_all_of_them_and_agrees(shop: Clone, environment: str) -> None:
    shown = shop.run(f"python -m release status -s {environment}").splitlines()
    assert shown[0].endswith("record, ECS, site and health check agree")
    rows = {line[:16].strip() for line in shown[1:]}
    assert {f"ECS {name}" for name in SERVICES} | {f"health {name}" for name in REACHED} | {"site"} <= rows


def test_a_second_preview_changes_nothing(shop: Clone) -> None:
    preview = json.loads(shop.run("pulumi preview -s dev --refresh --json --non-interactive"))
    assert [step["urn"] for step in preview["steps"] if step["op"] not in {"same", "refresh"}] == []


@pytest.mark.moves_on
def test_one_service_that_fails_takes_all_back_and_the_mended_version_reaches_impl(shop: Clone) -> None:
    first, before = shop.version, shop.outputs("dev")
    source = shop.root.parent / SEARCH
    text = source.read_text()
    assert 'status = "pass"' in text
    source.write_text(text.replace('status = "pass"', 'status = "fail"'))
    broken = shop.commit("a search that says fail")
    deadline = "pulumi config {} --path shop:services.search.health.deadline {} -s dev"
    shop.run(deadline.format("set", 8))
    failed = shop.local("up", "--env", "dev")
    assert failed.returncode == 1, failed.stdout[-4000:]
    story = failed.stdout
    assert re.search(rf"dev: {broken[:12]} is not released: (roll out|prove) failed", story)
    assert "status is fail, expected pass" in story
    for name, service in before["release"]["services"].items():
        assert f"service {name} is back on {service['taskDefinition'].rpartition('/')[2]}" in story
    for name in REACHED:
        assert f"{first[:12]} of service {name} is proven again" in story
    assert f"{first[:12]}, as before, orders, search, worker and shop" in story
    assert shop.outputs("dev") == before
    assert running(shop, "dev") == proven(before)
    assert versions(shop, "dev") == answers_of(first)
    shop.run("python -m release status -s dev")

    shop.run(deadline.format("set", 60))
    source.write_text(text.replace('"coffee"', '"coffee", "cocoa"'))
    mended = shop.commit("a search that passes and knows cocoa")
    for environment in ENVIRONMENTS:
        shop.up("--env", environment)
        outputs = shop.outputs(environment)
        assert outputs["release"]["version"] == mended
        assert outputs["release"]["previous"] == [first]
        assert versions(shop, environment) == answers_of(mended)
        assert running(shop, environment) == proven(outputs)
        assert json.loads(shop.get(f"{outputs['url']}/search/cocoa")[1]) == ["cocoa"]
    assert images(shop, "impl") == images(shop, "dev")
