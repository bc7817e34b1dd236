"""The local AWS plugin against an emulator of its own; no containers run here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local.aws.provider import AwsProvider
from local.aws.session import Aws
from local.plugin.provider import PartlyMadeError
from local.plugin.wire import ARCHIVE, ASSET, SIGNATURE, UNKNOWN

ROOT = Path(__file__).parents[2]
REGION = "us-west-2"
BUCKET = "aws:s3/bucket:Bucket"
FUNCTION = "aws:lambda/function:Function"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
POLICY = "aws:iam/rolePolicy:RolePolicy"
REPOSITORY = "aws:ecr/repository:Repository"
ROLE = "aws:iam/role:Role"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"


pytest_plugins = ["tests.local.plugin_fixtures"]


@pytest.fixture
def provider(provider: AwsProvider) -> AwsProvider:
    provider.configure({"region": REGION, "defaultTags": '{"tags": {"Project": "tests"}}'})
    return provider


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(action: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})


def test_a_preview_makes_nothing(provider: AwsProvider, aws: Aws) -> None:
    identity, state = provider.create(BUCKET, {"bucket": "previewed"}, preview=True)
    assert (identity, state["bucket"], state["arn"]) == ("", "previewed", UNKNOWN)
    assert state["tagsAll"] == {"Project": "tests"}
    names = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
    assert "previewed" not in names


def test_a_bucket_from_its_beginning_to_its_end(provider: AwsProvider, aws: Aws) -> None:
    s3, inputs = aws.client("s3"), {"bucket": "whole-life", "forceDestroy": True, "tags": {"a": "1"}}
    identity, state = provider.create(BUCKET, inputs)
    assert state["arn"] == "arn:aws:s3:::whole-life"
    assert state["bucketRegionalDomainName"] == "whole-life.s3.us-west-2.amazonaws.com"

    changed = inputs | {"tags": {"b": "2"}}
    state = provider.update(BUCKET, identity, state, old=inputs, new=changed)
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=identity)["TagSet"]}
    assert tags == state["tagsAll"] == {"Project": "tests", "b": "2"}

    versioning = {"bucket": identity, "versioningConfiguration": {"status": "Enabled"}}
    provider.create(VERSIONING, versioning)
    for body in (b"one", b"two"):
        s3.put_object(Bucket=identity, Key="a key with ü", Body=body)
    s3.delete_object(Bucket=identity, Key="a key with ü")

    provider.delete(BUCKET, identity, state)
    assert provider.read(BUCKET, identity, state, changed) is None
    provider.delete(BUCKET, identity, state)


def test_a_full_bucket_is_kept_unless_told_otherwise(provider: AwsProvider, aws: Aws) -> None:
    identity, state = provider.create(BUCKET, {"bucket": "full-bucket"})
    aws.client("s3").put_object(Bucket=identity, Key="k", Body=b"")
    with pytest.raises(Exception, match="delete full-bucket: DeleteBucket: BucketNotEmpty"):
        provider.delete(BUCKET, identity, state)


def test_drift_is_read_into_state_and_inputs(provider: AwsProvider, aws: Aws) -> None:
    provider.create(BUCKET, {"bucket": "drifting"})
    inputs = {"bucket": "drifting", "versioningConfiguration": {"status": "Enabled"}}
    identity, state = provider.create(VERSIONING, inputs)
    assert provider.read(VERSIONING, identity, state, inputs) == (state, inputs)

    aws.client("s3").put_bucket_versioning(Bucket="drifting", VersioningConfiguration={"Status": "Suspended"})
    found = provider.read(VERSIONING, identity, state, inputs)
    assert found is not None
    assert found[1]["versioningConfiguration"] == found[0]["versioningConfiguration"] == {"status": "Suspended"}
    assert provider.diff(VERSIONING, found[1], inputs).changes


def test_a_policy_drifts_by_meaning_only(provider: AwsProvider, aws: Aws) -> None:
    inputs = {"name": "drifting", "assumeRolePolicy": trust("ecs-tasks.amazonaws.com")}
    identity, state = provider.create(ROLE, inputs)
    found = provider.read(ROLE, identity, state, inputs)
    assert found is not None
    assert found[1] == inputs
    other = trust("lambda.amazonaws.com")
    aws.client("iam").update_assume_role_policy(RoleName=identity, PolicyDocument=other)
    found = provider.read(ROLE, identity, state, inputs)
    assert found is not None
    assert json.loads(found[1]["assumeRolePolicy"]) == json.loads(other)


def test_a_name_made_of_a_prefix_stays(provider: AwsProvider, aws: Aws) -> None:
    _, role = provider.create(ROLE, {"name": "prefixed", "assumeRolePolicy": trust("ecs-tasks.amazonaws.com")})
    inputs = {"namePrefix": "access-", "role": role["name"], "policy": allow("s3:GetObject")}
    identity, state = provider.create(POLICY, inputs)
    assert state["name"].startswith("access-")
    assert provider.read(POLICY, identity, state, inputs) == (state, inputs)

    changed = inputs | {"policy": allow("s3:PutObject")}
    assert provider.update(POLICY, identity, state, old=inputs, new=changed)["name"] == state["name"]
    other, _ = provider.create(POLICY, inputs)
    assert other != identity
    names = aws.client("iam").list_role_policies(RoleName="prefixed")["PolicyNames"]
    assert sorted(names) == sorted(one.partition(":")[2] for one in (identity, other))


def test_what_exists_can_be_imported(provider: AwsProvider, aws: Aws) -> None:
    aws.client("ecr").create_repository(repositoryName="imported", imageTagMutability="IMMUTABLE")
    found = provider.read(REPOSITORY, "imported", {}, {})
    assert found is not None
    assert found[1]["name"] == "imported"
    assert found[1]["imageTagMutability"] == "IMMUTABLE"
    assert provider.read(REPOSITORY, "nowhere", {}, {}) is None


def test_docker_finds_the_repository(provider: AwsProvider, endpoint: str) -> None:
    _, state = provider.create(REPOSITORY, {"name": "found", "forceDelete": True})
    registry = endpoint.replace("http://127.0.0.1", "localhost")
    assert state["repositoryUrl"] == f"{registry}/found"
    token = provider.invoke("aws:ecr/getAuthorizationToken:getAuthorizationToken", {})
    assert token["proxyEndpoint"] == f"http://{registry}"
    assert token["password"]


def test_a_resource_made_in_part_is_finished_by_the_next_update(provider: AwsProvider, aws: Aws) -> None:
    wrong = {"name": "/in/part", "retentionInDays": -1, "tags": {"a": "1"}}
    with pytest.raises(PartlyMadeError, match="PutRetentionPolicy") as caught:
        provider.create(GROUP, wrong)
    assert caught.value.identity == "/in/part"
    right = wrong | {"retentionInDays": 30}
    state = provider.update(GROUP, "/in/part", caught.value.state, old=wrong, new=right)
    (group,) = aws.client("logs").describe_log_groups(logGroupNamePrefix="/in/part")["logGroups"]
    assert group["retentionInDays"] == 30
    assert aws.client("logs").list_tags_for_resource(resourceArn=state["arn"])["tags"] == {"Project": "tests", "a": "1"}
    assert not [name for name in state if name.startswith("__")]


def test_a_task_definition_stays_registered_if_told_to(provider: AwsProvider, aws: Aws) -> None:
    containers = json.dumps([{"name": "app", "image": "app:1", "memory": 64}])
    inputs = {"family": "staying", "containerDefinitions": containers, "skipDestroy": True}
    identity, first = provider.create(TASK, inputs)
    _, second = provider.create(TASK, inputs)
    assert (identity, first["revision"], second["revision"]) == ("staying", 1, 2)
    provider.delete(TASK, identity, first)
    found = provider.read(TASK, identity, first, inputs)
    assert found is not None
    assert found[0]["arn"] == first["arn"]
    provider.delete(TASK, identity, first | {"skipDestroy": False})
    assert provider.read(TASK, identity, first, inputs) is None


def test_a_service_keeps_the_revision_that_another_gave_it(provider: AwsProvider, aws: Aws) -> None:
    containers = json.dumps([{"name": "app", "image": "app:1", "memory": 64}])
    revisions = [provider.create(TASK, {"family": "moved", "containerDefinitions": containers})[1] for _ in range(2)]
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="services")
    inputs = {"name": "app", "cluster": "services", "taskDefinition": revisions[0]["arn"], "desiredCount": 0}
    identity, state = provider.create(SERVICE, inputs)
    ecs.update_service(cluster="services", service="app", taskDefinition=revisions[1]["arn"])

    changed = inputs | {"healthCheckGracePeriodSeconds": 5}
    provider.update(SERVICE, identity, state, old=inputs, new=changed)
    (service,) = ecs.describe_services(cluster="services", services=["app"])["services"]
    assert service["taskDefinition"] == revisions[1]["arn"]
    assert service["healthCheckGracePeriodSeconds"] == 5
    provider.delete(SERVICE, identity, state)
    assert provider.read(SERVICE, identity, state, changed) is None


def test_the_code_of_a_function_is_followed(provider: AwsProvider, aws: Aws) -> None:
    def inputs(answer: str, digest: str) -> dict[str, Any]:
        source = {SIGNATURE: ASSET, "text": f"def handle(event, context):\n    return {answer!r}\n", "hash": digest}
        code = {SIGNATURE: ARCHIVE, "assets": {"handler.py": source}, "hash": digest}
        role = "arn:aws:iam::000000000000:role/function"
        place = {"handler": "handler.handle", "runtime": "python3.12", "publish": True}
        return place | {"name": "followed", "role": role, "code": code}

    first, second = inputs("one", "1"), inputs("two", "2")
    identity, state = provider.create(FUNCTION, first)
    assert state["version"] == "1"
    assert json.loads(aws.client("lambda").invoke(FunctionName=identity)["Payload"].read()) == "one"
    found = provider.read(FUNCTION, identity, state, first)
    assert found is not None
    assert not provider.diff(FUNCTION, found[1], first).changes

    changed = provider.update(FUNCTION, identity, state, old=first, new=second)
    assert (changed["version"], changed["codeSha256"] == state["codeSha256"]) == ("2", False)
    assert json.loads(aws.client("lambda").invoke(FunctionName=identity)["Payload"].read()) == "two"
    found = provider.read(FUNCTION, identity, state, first)  # what ran before was replaced by someone else
    assert found is not None
    assert provider.diff(FUNCTION, found[1], first).changes


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def _ended(pid: int) -> bool:
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_the_process_leaves_quietly_when_asked() -> None:
    command = [sys.executable, "-m", "local.aws", "127.0.0.1:1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdigit()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=5)
    assert (process.returncode, errors) == (0, "")


def test_the_process_ends_with_its_parent() -> None:
    # A shell in between is killed, and cannot tell its child.
    command = ["sh", "-c", f"{sys.executable} -m local.aws 127.0.0.1:1; true"]
    shell = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert shell.stdout is not None
    assert shell.stdout.readline().strip().isdigit()
    (plugin,) = _children(shell.pid)
    shell.kill()
    shell.wait()
    assert _ended(plugin)
