"""deploy.yml and rollback.yml of an application of several services, whose repository has the program in a folder.

A merge changes one service and adds another; prod then goes back to the version that never ran with that.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator

import pytest

from tests.local.clone import ENVIRONMENTS, Clone, application_in
from tests.local.test_example_two_services import REACHED, SERVICES, answers_of, images, proven, running, versions
from tests.local.workflow import actions, api
from tests.local.workflow.forge import git
from tests.local.workflow.runs import Run
from tests.local.workflow.team import AUTHOR, Team, forge

ADDED = "mail"
"""The service that the merge adds: another worker."""
CI_TEST = """\
#!/bin/sh
set -eu
for service in orders search worker; do (cd "../$service" && go vet ./...); done
"""
REASON = "search knows too much"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """All environments on the first version, which has no `mail`; CI is set up as docs/set-up-accounts.md says."""
    top = tmp_path_factory.mktemp("application") / "shop"
    shop = application_in(top, "two-services")
    (shop.root / ".github").rename(top / ".github")
    action = top / ".github" / "actions" / "setup" / "action.yml"
    action.write_text(action.read_text().replace("    default: .\n", "    default: deploy\n"))
    (shop.root / "ci" / "test").write_text(CI_TEST)
    shop.git("add", "--all", str(top))
    shop.first_version = shop.commit("Let CI release it")
    folder = tmp_path_factory.mktemp("forge")
    remote, author = folder / "remote.git", folder / "author"
    try:
        shop.up()
        git(folder, "clone", "--quiet", "--bare", str(top), str(remote))
        git(folder, "clone", "--quiet", str(remote), str(author))
        (top / actions.OWN).parent.mkdir()
        with api.serving() as double:
            on_github = dataclasses.replace(forge(shop, remote, folder, double), workspace=top)
            try:
                yield Team(easi=shop, forge=on_github, author=author)
            finally:
                actions.put_back(top)
                git(top, "checkout", "--quiet", "--force", "main")
    finally:
        shop.local("down")


@pytest.fixture(scope="module")
def merged(team: Team) -> Run:
    team.edit("search/main.go", '"coffee"', '"coffee", "cocoa"')
    shutil.copytree(team.author / "worker", team.author / ADDED)
    health = "{ command: [/worker, healthcheck] }"
    added = f"      {ADDED}:\n        build: {{ context: ../{ADDED} }}\n        health: {health}\n"
    team.edit("deploy/Pulumi.yaml", "      worker:", f"{added}      worker:")
    git(team.author, "add", "--all")
    git(team.author, *AUTHOR, "commit", "--quiet", "--message", "Send mail, and know cocoa")
    return team.walk("deploy.yml", team.merged())


@pytest.fixture(scope="module")
def rolled_back(team: Team, merged: Run) -> Run:
    assert set(merged.results.values()) == {"success"}, merged.log
    version = team.easi.first_version[:10]
    return team.walk("rollback.yml", team.asked(environment="prod", version=version, reason=REASON))


def knows_cocoa(shop: Clone, environment: str) -> bool:
    body = shop.get(f"{shop.outputs(environment)['url']}/search/cocoa")[1]
    return bool(json.loads(body) == ["cocoa"])


def test_all_environments_begin_on_the_first_version(team: Team) -> None:
    for environment in ENVIRONMENTS:
        assert versions(team.easi, environment) == answers_of(team.easi.first_version)
        assert set(running(team.easi, environment)) == set(SERVICES)


def test_each_environment_proves_every_service_and_site_of_the_merge(team: Team, merged: Run) -> None:
    assert set(merged.results.values()) == {"success"}, merged.log
    shop, version = team.easi, merged.event.sha
    for environment in ENVIRONMENTS:
        outputs = shop.outputs(environment)
        release = outputs["release"]
        assert release["version"] == version
        assert set(release["services"]) == {*SERVICES, ADDED}
        assert set(release["sites"]) == {"shop"}
        assert versions(shop, environment) == answers_of(version)
        assert running(shop, environment) == proven(outputs, tasks=2 if environment == "prod" else 1)
        assert knows_cocoa(shop, environment)
        assert f"## {environment}: {version[:12]} is proven" in merged.summary


def test_each_image_is_built_once_and_carried_on_by_its_digest(team: Team, merged: Run) -> None:
    assert [ran.name for ran in merged.jobs if "Built localhost" in ran.log] == ["dev / release"]
    in_dev = images(team.easi, "dev")
    assert len(in_dev) == len(SERVICES) + 1
    assert images(team.easi, "impl") == images(team.easi, "prod") == in_dev


def test_the_application_is_tested_with_its_own_tests(merged: Run) -> None:
    assert merged.results["test / application"] == "success"
    assert "--- python -m ci test" in merged["test / application"].log


def test_a_reviewer_sees_the_proof_of_each(team: Team, merged: Run) -> None:
    seen = merged["prod-preview / preview"].summary
    for name, digest in images(team.easi, "impl").items():
        assert f"image {name}" in seen
        assert digest in seen


def test_prod_goes_back_to_a_version_that_never_ran_with_what_was_added(team: Team, rolled_back: Run) -> None:
    shop, version = team.easi, team.easi.first_version
    assert rolled_back.results == {"rollback": "success"}, rolled_back.log
    assert f"those of {version[:12]} are checked out, as those in force declare service {ADDED}" in rolled_back.log
    release = shop.outputs("prod")["release"]
    assert (release["version"], release["reason"]) == (version, REASON)
    assert set(release["services"]) == set(SERVICES)
    assert versions(shop, "prod") == dict.fromkeys((*REACHED, "shop"), version)
    assert set(running(shop, "prod")) == set(SERVICES)
    assert not knows_cocoa(shop, "prod")
    assert knows_cocoa(shop, "impl")


def test_what_was_added_is_removed_from_aws(team: Team, rolled_back: Run) -> None:
    assert rolled_back.result_of("rollback") == "success"
    shop = team.easi
    ecs, outputs = shop.aws("ecs"), shop.outputs("prod")
    arns = ecs.list_services(cluster=outputs["cluster"])["serviceArns"]
    names = {arn.rpartition("/")[2] for arn in arns}
    assert names == {service["service"] for service in outputs["services"].values()}
    functions = {function["FunctionName"] for function in shop.aws("lambda").list_functions()["Functions"]}
    assert f"shop-prod-{ADDED}-deploy" not in functions
    assert f"shop-impl-{ADDED}-deploy" in functions
    assert "agree" in shop.run("python -m release status -s prod")
