"""The description of the application: merged leaf by leaf, read into dataclasses, refused with all that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components import target
from settings import description
from settings.declared import declarations
from settings.description import Description, merged
from settings.fields import load
from settings.formats import Range
from settings.service import Health, Service
from settings.site import Site
from tests.unit.test_settings import BACKEND, SITE, engine, refused

WORKER = {"build": {"context": "worker"}}


def described(services: Any, sites: Any) -> Description:
    result, problems = description.read({"services": services, "sites": sites}, {})
    assert result is not None, problems
    assert problems == []
    return result


@pytest.mark.parametrize(
    ("layers", "result"),
    [
        ([{"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}], {"a": {"b": 1, "c": 3}}),
        ([{"a": [1, 2]}, {"a": [3]}], {"a": [3]}),
        ([{"a": {"b": 1}}, {"a": None}, {"a": {"c": 2}}], {"a": {"c": 2}}),
        ([{"a": {"b": 1}}, {"a": {"b": None}}], {"a": {"b": None}}),
        ([{"a": 1}, {"b": {"c": 1}}], {"a": 1, "b": {"c": 1}}),
        ([{}, None], None),
    ],
)
def test_maps_are_merged_and_lists_and_scalars_replaced(layers: list[Any], result: Any) -> None:
    assert merged(*layers) == result


def test_null_is_the_default_of_the_field_again_and_a_service_of_null_is_not_there() -> None:
    both = described({"a": {**WORKER, "cpu": None, "environment": {"A": None, "B": "b"}}, "b": None}, {})
    assert both.services == {"a": Service(build=both.services["a"].build, environment={"B": "b"})}


def test_a_stack_says_what_is_different_from_pulumi_yaml() -> None:
    loaded = load("dev", engine({f"{BACKEND}.cpu": 1024, f"{BACKEND}.memory": 2048}))
    backend = loaded.services["backend"]
    assert (backend.cpu, backend.memory) == (1024, 2048)
    assert backend.health.command == ("/backend", "healthcheck")
    config = engine() | {"easi:services": '{"backend": {"cpu": 1024, "memory": 2048}}'}
    assert load("dev", config) == loaded


def test_any_number_of_services_and_sites_can_be_described() -> None:
    services = {"worker": WORKER, "admin": {**WORKER, "paths": ["/admin/*"], "health": {"path": "/admin/health"}}}
    loaded = load("dev", engine({"easi:services": services, "easi:sites": {"api": {}, "shop": {"folder": "dist"}}}))
    assert set(loaded.services) == {"backend", "worker", "admin"}
    assert set(loaded.sites) == {"site", "api", "shop"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({f"{BACKEND}.helth": {}}, f"{BACKEND}.helth: no such setting, did you mean health?"),
        (
            {f"{BACKEND}.environment": {"A": 5, "B": "b", "C": [1]}},
            "expected a map of names to strings (quote numbers), which A, C are not",
        ),
        ({f"{BACKEND}.health.grase": 1}, f"{BACKEND}.health.grase: no such setting, did you mean grace?"),
        ({f"{SITE}.wholly": 1}, f"{SITE}.wholly: no such setting, expected some of folder, build, "),
        ({"easi:services.a": {}}, "easi:services.a.build is missing: how its image is built: build.context"),
        (
            {"easi:services.bakcend": {}},
            "easi:services.bakcend.build is missing: how its image is built: build.context; or is backend meant?",
        ),
        ({"easi:services.a": 7}, "easi:services.a is no map: expected some of build, port"),
        ({f"{BACKEND}.cpu": "512"}, f"{BACKEND}.cpu is '512': expected a whole number"),
        ({f"{BACKEND}.cpu": True}, f"{BACKEND}.cpu is True: expected a whole number"),
        ({f"{BACKEND}.readOnlyRoot": "yes"}, f"{BACKEND}.readOnlyRoot is 'yes': expected true or false"),
        ({f"{BACKEND}.paths": "/api/*"}, f"{BACKEND}.paths is '/api/*': expected a list of strings"),
        ({f"{BACKEND}.statements": ["a"]}, f"{BACKEND}.statements is not what it has to be: expected a list of maps"),
        ({f"{BACKEND}.environment": {"A": 1}}, f"{BACKEND}.environment is not what it has to be: expected a map of"),
        ({f"{BACKEND}.sidecars": {"agent": {"image": "a:1"}}}, f"{BACKEND}.sidecars.agent.image is 'a:1': expected"),
        ({f"{BACKEND}.user": "a b"}, f"{BACKEND}.user is 'a b': expected a user, or user:group"),
        ({f"{SITE}.pages": "many"}, f"{SITE}.pages is 'many': expected one of single, multi"),
        # Of services
        ({"easi:services.Worker": WORKER}, "easi:services has 'Worker': expected a name of a-z and 0-9 with single -"),
        (
            {"easi:services.sixteen-in-all-x": WORKER},
            "easi:services has 'sixteen-in-all-x': expected a name of at most 15 characters",
        ),
        ({"easi:services.a-very-long-name": WORKER}, "easi:services has 'a-very-long-name': expected a name of at"),
        (
            {f"{BACKEND}.health.path": "/health"},
            f"{BACKEND}.health.path is /health, which is outside of paths (/api/*)",
        ),
        (
            {f"{BACKEND}.health.versionMember": "build..sha"},
            "is 'build..sha': expected the name of a member of the answer",
        ),
        ({f"{BACKEND}.health.path": None}, f"{BACKEND}.health.path is missing: the load balancer asks it"),
        ({f"{BACKEND}.paths": []}, f"{BACKEND}.health.path is /api/v1/healthcheck, and the service has no paths"),
        ({"easi:sites": {"site": None}}, f"{BACKEND}.paths without any site: nothing leads there"),
        ({f"{BACKEND}.paths": [f"/{letter}/*" for letter in "abcdef"]}, f"{BACKEND}.paths has 6 values: expected 5"),
        (
            {"easi:services.a": {**WORKER, "paths": ["/api/*"], "health": {"path": "/api/a"}}},
            "easi:services.a.paths has /api/*, as has easi:services.backend.paths: expected each path in one service",
        ),
        (
            {f"{BACKEND}.paths": ["/*"]},
            f"{BACKEND}.paths has /*, which takes /config.json, /index.html, /version.json from {SITE}: expected paths",
        ),
        ({f"{BACKEND}.paths": ["/api/*", "/config.json"]}, f"{BACKEND}.paths has /config.json, which takes it from"),
        ({f"{BACKEND}.paths": ["/api/*", "/?ndex.*"]}, f"{BACKEND}.paths has /?ndex.*, which takes /index.html from"),
        (
            {f"{BACKEND}.paths": ["/api/*", "/404.html"], f"{SITE}.pages": "multi"},
            f"{BACKEND}.paths has /404.html, which takes it from",
        ),
        (
            {f"{BACKEND}.health.startPeriod": 40, f"{BACKEND}.health.grace": 20},
            f"{BACKEND}.health.grace is 20: with it, ECS ends a task that does not answer the load balancer after 30 "
            "seconds, within its startPeriod (40); expected 30 or more",
        ),
        ({f"{BACKEND}.health.timeout": 5}, f"{BACKEND}.health.timeout is 5: expected less than interval (5)"),
        (
            {f"{BACKEND}.health.statusCodeOnly": True, f"{BACKEND}.health.requireLiveTimestamp": True},
            f"{BACKEND}.health.requireLiveTimestamp with statusCodeOnly",
        ),
        ({"easi:services.a": {**WORKER, "deploymentAlarms": True}}, "easi:services.a.deploymentAlarms without paths"),
        ({f"{BACKEND}.build.arguments": {"V": "{versoin}"}}, "build.arguments.V has {versoin}: expected {version} or"),
        # Of sites
        ({"easi:sites.Admin": {}}, "easi:sites has 'Admin': expected a name of at most 20 characters"),
        (
            {"easi:sites": {"a": {"domain": "a.example", "hostedZoneId": "Z1"}}, f"{SITE}.domain": "a.example"},
            "domain is a.example, as is easi:sites",
        ),
        ({"easi:sites.a": {"build": "make"}}, "easi:sites.a.build without easi:sites.a.folder"),
        (
            {"easi:sites": {"a": {"folder": "web/out", "build": "a"}, "b": {"folder": "web/./out", "build": "b"}}},
            "easi:sites.b.folder is that of easi:sites.a, which another command builds: expected a folder of its own",
        ),
        (
            {"easi:sites.a": {"pages": "multi", "config": {"a": 1}}},
            "easi:sites.a.pages and easi:sites.a.config without easi:sites.a.folder",
        ),
        (
            {"easi:sites.siet": {"config": {"a": 1}}},
            "easi:sites.siet.config without easi:sites.siet.folder: there are no files that it could be about; or is "
            "site meant?",
        ),
        ({"easi:sites.siet": {"build": "make"}}, "expected the folder that it makes; or is site meant?"),
        ({"easi:services.backend": None, "easi:sites.site": None}, "easi:services and easi:sites are both empty"),
        ({"easi:services.backend": None, "easi:vpcId": "vpc-1"}, "easi:vpcId and easi:vpcCidr are both given"),
    ],
)
def test_what_is_wrong_in_a_description_is_named_with_its_path(given: dict[str, Any], message: str) -> None:
    assert message in refused(given)


def test_a_site_without_files_leaves_every_path_to_a_service() -> None:
    paths = {f"{BACKEND}.paths": ["/*"], "easi:sites": {"site": {"folder": "", "build": ""}}}
    assert load("dev", engine(paths)).services["backend"].paths == ("/*",)


def test_all_that_is_wrong_is_told_at_once() -> None:
    said = refused({f"{BACKEND}.helth": 1, f"{SITE}.foldr": "a", "easi:services.a": {}, "easi:zones": 7})
    for path in (f"{BACKEND}.helth", f"{SITE}.foldr", "easi:services.a.build is missing", "easi:zones is 7"):
        assert f"\n  {path}" in said


def test_values_of_variables_and_build_arguments_are_not_repeated() -> None:
    for key in ("environment", "build.arguments", "secrets"):
        assert "hunter2" not in refused({f"{BACKEND}.{key}": {"A": ["hunter2"]}, "easi:zones": 7})


def test_limits_of_the_target_group_are_those_of_the_component() -> None:
    declared = declarations(Health)
    for key, allowed in {
        "interval": target.HEALTH_INTERVAL_S,
        "timeout": target.HEALTH_TIMEOUT_S,
        "healthyThreshold": target.HEALTH_THRESHOLD,
        "unhealthyThreshold": target.HEALTH_THRESHOLD,
    }.items():
        assert declared[key].format == Range(allowed.start, allowed.stop - 1)


def test_every_field_is_described() -> None:
    def undescribed(kind: type, at: str) -> list[str]:
        return [f"{at}.{key}" for key, declared in declarations(kind).items() if not declared.about]

    nested = {"health", "sidecars", "migration", "rehearsal"}
    assert {path.rpartition(".")[2] for path in undescribed(Service, "service")} == nested
    assert undescribed(Site, "site") + undescribed(Health, "health") == []


def test_build_arguments_are_filled() -> None:
    build = described({"a": {"build": {"context": "a", "arguments": {"V": "v{version}", "T": "{time}"}}}}, {})
    arguments = build.services["a"].build.filled(version="3f2c", time="2026-11-29T09:00:00Z")
    assert arguments == {"V": "v3f2c", "T": "2026-11-29T09:00:00Z"}


def test_a_file_that_is_no_pulumi_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("[1]")
    with pytest.raises(ValueError, match=r"Pulumi\.yaml is no Pulumi\.yaml"):
        description.declared_defaults(tmp_path / "Pulumi.yaml")


def test_sites_alone_need_no_network_and_run_in_any_region() -> None:
    alone = {"easi:services.backend": None, "easi:vpcCidr": "", "aws:region": "us-gov-west-1"}
    assert not load("dev", engine(alone)).services
