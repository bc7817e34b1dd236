"""What a backend needs beside its tasks, by the local AWS plugin on an emulator of its own."""

from __future__ import annotations

import json
from typing import Any

from local.aws.provider import AwsProvider
from local.aws.session import Aws
from local.plugin.wire import UNKNOWN

ALIAS = "aws:kms/alias:Alias"
BUCKET = "aws:s3/bucket:Bucket"
DISCOVERED = "aws:servicediscovery/service:Service"
KEY = "aws:kms/key:Key"
NAMESPACE = "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace"
NOTIFICATION = "aws:s3/bucketNotification:BucketNotification"
QUEUE = "aws:sqs/queue:Queue"
RULE = "aws:cloudwatch/eventRule:EventRule"
SCHEDULE = "aws:scheduler/schedule:Schedule"
TABLE = "aws:dynamodb/table:Table"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/starts"
CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/main"
TASK = {
    "taskDefinitionArn": f"arn:aws:ecs:us-west-2:{ACCOUNT}:task-definition/report:1",
    "launchType": "FARGATE",
    "taskCount": 1,
    "networkConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": False},
}
NETWORK = {"awsvpcConfiguration": {"AssignPublicIp": "DISABLED", "SecurityGroups": ["sg-1"], "Subnets": ["subnet-1"]}}

pytest_plugins = ["tests.local.plugin_fixtures"]


def made(provider: AwsProvider, token: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A resource that is read back as it was made, and whose outputs are those that a preview announces."""
    checked = provider.check(token, "app", {}, inputs, seed=b"seed")
    assert checked.problems == []
    identity, state = provider.create(token, checked.inputs)
    assert provider.read(token, identity, state, checked.inputs) == (state, checked.inputs)
    _, previewed = provider.create(token, checked.inputs, preview=True)
    assert {name for name, value in previewed.items() if value != UNKNOWN} <= set(state)
    return identity, state


def changed(
    provider: AwsProvider, token: str, identity: str, state: dict[str, Any], old: dict[str, Any], new: dict[str, Any]
) -> dict[str, Any]:
    """The state after a change in place, read back."""
    assert provider.diff(token, old, new).replaces == []
    state = provider.update(token, identity, state, old=old, new=new)
    assert provider.read(token, identity, state, new) == (state, new)
    return state


def gone(provider: AwsProvider, token: str, identity: str, state: dict[str, Any], inputs: dict[str, Any]) -> None:
    provider.delete(token, identity, state)
    assert provider.read(token, identity, state, inputs) is None


def policy(action: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_queue_its_policies_and_the_queue_for_what_fails(provider: AwsProvider, aws: Aws) -> None:
    sqs = aws.client("sqs")
    dead, dead_state = made(provider, QUEUE, {"name": "jobs-dead"})
    inputs = {"name": "jobs", "visibilityTimeoutSeconds": 60, "tags": {"a": "1"}}
    queue, state = made(provider, QUEUE, inputs)
    assert state["arn"] == f"arn:aws:sqs:us-west-2:{ACCOUNT}:jobs"
    assert state["url"] == queue
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"a": "1"}

    new = {"name": "jobs", "delaySeconds": 5, "sqsManagedSseEnabled": True, "tags": {"b": "2"}}
    state = changed(provider, QUEUE, queue, state, inputs, new)
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert (attributes["DelaySeconds"], attributes["VisibilityTimeout"]) == ("5", "30")
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"b": "2"}

    redrive = json.dumps({"deadLetterTargetArn": dead_state["arn"], "maxReceiveCount": 3})
    both = {"redrivePolicy": redrive, "policy": policy("sqs:SendMessage")}
    for name, other in (("redrivePolicy", redrive.replace("3", "4")), ("policy", policy("sqs:*"))):
        token = f"aws:sqs/{'queuePolicy:QueuePolicy' if name == 'policy' else 'redrivePolicy:RedrivePolicy'}"
        own = {"queueUrl": queue, name: both[name]}
        identity, kept = made(provider, token, own)
        kept = changed(provider, token, identity, kept, own, own | {name: other})
        attribute = name[:1].upper() + name[1:]
        live = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[attribute])["Attributes"][attribute]
        assert json.loads(live) == json.loads(other)
        provider.delete(token, identity, kept)
        live = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"].get(attribute)
        assert not live
    gone(provider, QUEUE, queue, state, new)
    gone(provider, QUEUE, dead, dead_state, {"name": "jobs-dead"})


def test_a_queue_with_an_order_has_a_name_that_says_so(provider: AwsProvider) -> None:
    problems = provider.check(QUEUE, "app", {}, {"name": "jobs", "fifoQueue": True}, seed=b"seed").problems
    assert [(problem.path, problem.reason) for problem in problems] == [
        ("name", "ends with .fifo exactly if fifoQueue is true: 'jobs'")
    ]
    inputs = {"name": "jobs.fifo", "fifoQueue": True, "contentBasedDeduplication": True}
    queue, state = made(provider, QUEUE, inputs)
    gone(provider, QUEUE, queue, state, inputs)


def test_a_table(provider: AwsProvider, aws: Aws) -> None:
    inputs: dict[str, Any] = {
        "name": "orders",
        "billingMode": "PAY_PER_REQUEST",
        "hashKey": "id",
        "attributes": [{"name": "id", "type": "S"}, {"name": "owner", "type": "S"}],
        "globalSecondaryIndexes": [{"name": "by-owner", "hashKey": "owner", "projectionType": "ALL"}],
        "ttl": {"attributeName": "expires", "enabled": True},
        "tags": {"a": "1"},
    }
    table, state = made(provider, TABLE, inputs)
    dynamodb = aws.client("dynamodb")
    assert state["arn"] == f"arn:aws:dynamodb:us-west-2:{ACCOUNT}:table/orders"
    assert dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    dynamodb.put_item(TableName=table, Item={"id": {"S": "1"}, "owner": {"S": "me"}})

    new = {name: value for name, value in inputs.items() if name not in ("ttl", "globalSecondaryIndexes")}
    new |= {"attributes": [{"name": "id", "type": "S"}], "streamEnabled": True, "streamViewType": "NEW_IMAGE"}
    new |= {"pointInTimeRecovery": {"enabled": True}, "tags": {"b": "2"}}
    state = changed(provider, TABLE, table, state, inputs, new)
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert not described.get("GlobalSecondaryIndexes")
    assert described["LatestStreamArn"] == state["streamArn"]
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    assert dynamodb.list_tags_of_resource(ResourceArn=state["arn"])["Tags"] == [{"Key": "b", "Value": "2"}]
    assert dynamodb.scan(TableName=table)["Count"] == 1, "the change kept what is in the table"
    gone(provider, TABLE, table, state, new)


def test_a_table_whose_keys_are_not_declared_is_refused(provider: AwsProvider) -> None:
    inputs = {"billingMode": "PAY_PER_REQUEST", "hashKey": "id", "attributes": [{"name": "other", "type": "S"}]}
    problems = provider.check(TABLE, "app", {}, inputs, seed=b"seed").problems
    assert [(problem.path, problem.reason) for problem in problems] == [
        ("attributes", "must be the keys of the table and its indexes (id), not other")
    ]


def test_a_key_and_its_name(provider: AwsProvider, aws: Aws) -> None:
    kms = aws.client("kms")
    inputs = {"description": "records", "deletionWindowInDays": 7, "policy": policy("kms:*"), "tags": {"a": "1"}}
    key, state = made(provider, KEY, inputs)
    new = {"description": "all", "enableKeyRotation": True, "isEnabled": True, "policy": policy("kms:Decrypt")}
    state = changed(provider, KEY, key, state, inputs, new)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "all"
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"]) == json.loads(policy("kms:Decrypt"))
    assert not kms.list_resource_tags(KeyId=key)["Tags"]

    named = {"name": "alias/records", "targetKeyId": key}
    alias, kept = made(provider, ALIAS, named)
    assert kept["targetKeyArn"] == state["arn"]
    other, other_state = made(provider, KEY, {})
    changed(provider, ALIAS, alias, kept, named, named | {"targetKeyId": other})
    gone(provider, ALIAS, alias, kept, named)
    gone(provider, KEY, key, state, new)
    gone(provider, KEY, other, other_state, {})


def test_a_rule_starts_a_task(provider: AwsProvider, aws: Aws) -> None:
    events = aws.client("events")
    inputs = {"name": "nightly", "scheduleExpression": "cron(0 3 * * ? *)", "tags": {"a": "1"}}
    rule, state = made(provider, RULE, inputs)
    assert state["arn"] == f"arn:aws:events:us-west-2:{ACCOUNT}:rule/nightly"
    new = inputs | {"state": "DISABLED", "description": "a report", "tags": {"b": "2"}}
    state = changed(provider, RULE, rule, state, inputs, new)
    assert events.describe_rule(Name=rule)["State"] == "DISABLED"
    assert events.list_tags_for_resource(ResourceARN=state["arn"])["Tags"] == [{"Key": "b", "Value": "2"}]

    target = {"rule": rule, "arn": CLUSTER, "roleArn": ROLE, "ecsTarget": TASK}
    identity, kept = made(provider, TARGET, target)
    assert identity == f"nightly-{kept['targetId']}"
    task = TASK | {"taskCount": 2}
    kept = changed(provider, TARGET, identity, kept, target, target | {"ecsTarget": task, "input": "{}"})
    (live,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert live["EcsParameters"]["NetworkConfiguration"] == NETWORK
    assert (live["EcsParameters"]["TaskCount"], live["Id"]) == (2, kept["targetId"])
    gone(provider, TARGET, identity, kept, target)
    gone(provider, RULE, rule, state, new)


def test_a_schedule_starts_a_task(provider: AwsProvider, aws: Aws) -> None:
    starts = {"arn": CLUSTER, "roleArn": ROLE, "ecsParameters": TASK}
    inputs = {"name": "nightly", "scheduleExpression": "cron(0 3 * * ? *)", "flexibleTimeWindow": {"mode": "OFF"}}
    schedule, state = made(provider, SCHEDULE, inputs | {"target": starts})
    assert (schedule, state["groupName"]) == ("default/nightly", "default")
    old, new = inputs | {"target": starts}, inputs | {"target": starts, "scheduleExpressionTimezone": "Europe/Berlin"}
    new |= {"startDate": "2030-01-01T00:00:00Z", "state": "DISABLED"}
    state = changed(provider, SCHEDULE, schedule, state, old, new)
    live = aws.client("scheduler").get_schedule(Name="nightly", GroupName="default")
    assert live["Target"]["EcsParameters"]["NetworkConfiguration"] == NETWORK
    assert (live["ScheduleExpressionTimezone"], live["State"]) == ("Europe/Berlin", "DISABLED")
    gone(provider, SCHEDULE, schedule, state, new)


def test_a_namespace_and_a_service_in_it(provider: AwsProvider, aws: Aws) -> None:
    vpc, _ = provider.create("aws:ec2/vpc:Vpc", {"cidrBlock": "10.9.0.0/16"})
    inputs = {"name": "shop.internal", "vpc": vpc, "tags": {"a": "1"}}
    namespace, state = made(provider, NAMESPACE, inputs)
    assert state["hostedZone"]
    new = inputs | {"description": "names of the shop", "tags": {"b": "2"}}
    state = changed(provider, NAMESPACE, namespace, state, inputs, new)

    records = {"namespaceId": namespace, "dnsRecords": [{"type": "A", "ttl": 10}]}
    own = {"name": "backend", "dnsConfig": records, "forceDestroy": True}
    service, kept = made(provider, DISCOVERED, own)
    discovery = aws.client("servicediscovery")
    discovery.register_instance(ServiceId=service, InstanceId="i", Attributes={"AWS_INSTANCE_IPV4": "10.9.0.1"})
    other = own | {"dnsConfig": records | {"dnsRecords": [{"type": "A", "ttl": 20}]}}
    kept = changed(provider, DISCOVERED, service, kept, own, other)
    assert discovery.get_service(Id=service)["Service"]["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 20}]
    gone(provider, DISCOVERED, service, kept, other)
    gone(provider, NAMESPACE, namespace, state, new)


def test_who_hears_of_changes_in_a_bucket(provider: AwsProvider, aws: Aws) -> None:
    provider.create(BUCKET, {"bucket": "heard"})
    _, queue = made(provider, QUEUE, {"name": "heard"})
    rule = {"queueArn": queue["arn"], "events": ["s3:ObjectCreated:*"], "filterPrefix": "in/"}
    inputs = {"bucket": "heard", "queues": [rule]}
    identity, state = made(provider, NOTIFICATION, inputs)
    new = {"bucket": "heard", "queues": [rule | {"filterSuffix": ".csv"}], "eventbridge": True}
    state = changed(provider, NOTIFICATION, identity, state, inputs, new)
    live = aws.client("s3").get_bucket_notification_configuration(Bucket="heard")
    (heard,) = live["QueueConfigurations"]
    parts = [(part["Name"].lower(), part["Value"]) for part in heard["Filter"]["Key"]["FilterRules"]]
    assert (heard["QueueArn"], parts) == (queue["arn"], [("prefix", "in/"), ("suffix", ".csv")])
    provider.delete(NOTIFICATION, identity, state)
    live = aws.client("s3").get_bucket_notification_configuration(Bucket="heard")
    assert not live.get("QueueConfigurations")
