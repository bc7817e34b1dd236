"""What somebody changes by hand is shown by name, and released again: real engine, real containers."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.clone import Clone

ENVIRONMENT = "impl"
BY_HAND = b"<!doctype html><h1>We are back soon</h1>"
COPIED = (
    "family",
    "containerDefinitions",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "runtimePlatform",
)
"""What of a task definition a person copies to make another revision."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hand:
    """What a person does with the console, in one environment."""

    easi: Clone
    outputs: dict[str, Any]

    @property
    def version(self) -> str:
        return str(self.outputs["release"]["version"])

    @property
    def service(self) -> dict[str, Any]:
        place = {"cluster": self.outputs["cluster"], "services": [self.outputs["services"]["backend"]["service"]]}
        found: dict[str, Any] = self.easi.aws("ecs").describe_services(**place)["services"][0]
        return found

    def change_service(self, **change: Any) -> None:
        """Change it, and wait until that is done."""
        place = {"cluster": self.outputs["cluster"], "service": self.outputs["services"]["backend"]["service"]}
        self.easi.aws("ecs").update_service(**place, **change)
        end = time.monotonic() + 90
        while True:
            now = self.service
            done = len(now["deployments"]) == 1 and now["deployments"][0]["rolloutState"] == "COMPLETED"
            if done and now["runningCount"] == now["desiredCount"]:
                return
            assert time.monotonic() < end, now["deployments"]
            time.sleep(0.5)

    @property
    def revision(self) -> str:
        """What is proven."""
        return str(self.outputs["release"]["services"]["backend"]["taskDefinition"])

    def other_revision(self) -> str:
        """A copy of what runs, with another environment."""
        ecs = self.easi.aws("ecs")
        found = ecs.describe_task_definition(taskDefinition=self.revision)["taskDefinition"]
        copied = {name: found[name] for name in COPIED}
        copied["containerDefinitions"][0]["environment"].append({"name": "TRIED", "value": "by hand"})
        return str(ecs.register_task_definition(**copied)["taskDefinition"]["taskDefinitionArn"])

    def asset(self) -> str:
        """A content-hashed file of the site."""
        listed = self.easi.aws("s3").list_objects_v2(Bucket=self.outputs["sites"]["site"]["bucket"], Prefix="assets/")[
            "Contents"
        ]
        return str(next(item["Key"] for item in listed if item["Key"].endswith(".js")))

    def pulumi(self, command: str) -> str:
        """Pulumi's words, for the version that is proven here: no commit and no build is needed."""
        version = f"RELEASE_VERSION={self.version}"
        return self.easi.run(f"{version} pulumi {command} -s {ENVIRONMENT} --color never --non-interactive 2>&1")

    def up(self) -> str:
        return self.pulumi("up --refresh --yes --skip-preview")


@pytest.fixture
def hand(easi: Clone) -> Iterator[Hand]:
    """What it changes is what was released before at the end."""
    made = Hand(easi=easi, outputs=dict(easi.outputs(ENVIRONMENT)))
    try:
        yield made
    finally:
        made.up()


@pytest.mark.moves_on
def test_what_was_changed_by_hand_is_shown_by_name_and_released_again(easi: Clone, hand: Hand) -> None:
    url, released = hand.outputs["url"], hand.outputs["release"]
    page, asset, other = easi.get(url)[1], hand.asset(), hand.other_revision()
    script = easi.get(f"{url}/{asset}")
    hand.change_service(taskDefinition=other)
    s3, bucket = hand.easi.aws("s3"), hand.outputs["sites"]["site"]["bucket"]
    s3.put_object(Bucket=bucket, Key="index.html", Body=BY_HAND, ContentType="text/html")
    s3.delete_object(Bucket=bucket, Key=asset)
    assert easi.get(url) == (200, BY_HAND)

    shown = hand.pulumi("preview --refresh --diff")
    (moved,) = [line for line in shown.splitlines() if "~ taskDefinition :" in line]
    assert moved.split(":", 1)[1].strip() == f'"{released["services"]["backend"]["taskDefinition"]}" => "{other}"'
    assert f"{released['sites']['site']} changed: index.html; missing: {asset}" in shown
    assert "~ release:index:Release: (update)" in shown
    revisions = [arn.rpartition("/")[2] for arn in (other, released["services"]["backend"]["taskDefinition"])]
    assert f"impl: the service is to run {revisions[0]}, and ran {revisions[1]}" in shown

    told = hand.up()
    after = easi.outputs(ENVIRONMENT)["release"]
    first = released.get("firstVerifiedAt", released["verifiedAt"])
    proof = {"verifiedAt": after["verifiedAt"], "firstVerifiedAt": first, "kind": "again"}
    assert after == {**released, **proof}, told
    assert after["verifiedAt"] > released["verifiedAt"], "it was not proven again"
    assert hand.service["taskDefinition"] == released["services"]["backend"]["taskDefinition"]
    assert easi.get(url) == (200, page)
    assert easi.get(f"{url}/{asset}") == script
    assert easi.health(ENVIRONMENT)["version"] == hand.version
    hand.pulumi("preview --refresh --expect-no-changes")


@pytest.mark.moves_on
def test_service_scaled_to_nothing_by_hand_is_shown_and_brought_back(easi: Clone, hand: Hand) -> None:
    hand.change_service(desiredCount=0)
    released = hand.revision
    assert f'=> "{released} scaled to 0 tasks"' in hand.pulumi("preview --refresh --diff")
    hand.up()
    assert hand.service["runningCount"] == 1
    assert easi.health(ENVIRONMENT)["version"] == hand.version
    hand.pulumi("preview --refresh --expect-no-changes")
