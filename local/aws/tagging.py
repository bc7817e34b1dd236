"""Tags: every service has its own operations to set them; how they take tags is read from its model."""

from __future__ import annotations

from typing import Any

from local.plugin.wire import Props

from .kind import Kind
from .session import Aws
from .spelling import members, spell

Tags = dict[str, str]

OPERATIONS = {
    "acm": ("add_tags_to_certificate", "remove_tags_from_certificate", "CertificateArn"),
    "ec2": ("create_tags", "delete_tags", "Resources"),
    "elbv2": ("add_tags", "remove_tags", "ResourceArns"),
    "iam": ("tag_role", "untag_role", "RoleName"),
    "sqs": ("tag_queue", "untag_queue", "QueueUrl"),
    "ssm": ("add_tags_to_resource", "remove_tags_from_resource", "ResourceId"),
}
"""What adds tags, what removes them, and the argument that names the resource, where this is not TagResource."""
TAG_ARGUMENTS = frozenset({"Tags", "tags", "TagKeys", "tagKeys"})


def _operations(service: str) -> tuple[str, str, str]:
    if service in OPERATIONS:
        return OPERATIONS[service]
    (resource,) = set(members(service, "tag_resource")) - TAG_ARGUMENTS
    return "tag_resource", "untag_resource", resource


def pairs(tags: Tags) -> list[dict[str, str]]:
    """Tags as the list of pairs that most APIs take."""
    return [{"Key": name, "Value": str(tags[name])} for name in sorted(tags)]


def set_tags(aws: Aws, kind: Kind, identity: str, state: Props, before: Props) -> None:
    """Bring the tags of a resource from those in one state to those in another."""
    tags_after, tags_before = state.get("tagsAll") or {}, before.get("tagsAll") or {}
    if not kind.tagged or tags_after == tags_before:
        return
    service, name = kind.service, identity if kind.tagged == "id" else state[kind.tagged]
    removed: Any = sorted(set(tags_before) - set(tags_after))
    if service in {"acm", "ec2"}:
        removed = [{"Key": key} for key in removed]
    if service == "s3":
        _set_on_bucket(aws, name, tags_after)
        return
    add, remove, resource = _operations(service)
    for operation, tags in ((remove, removed), (add, tags_after)):
        shapes = members(service, operation)
        target = {resource: spell(shapes[resource], name, {})}
        if "ResourceType" in shapes:
            target["ResourceType"] = "Parameter"
        (argument,) = TAG_ARGUMENTS & set(shapes)
        if tags:
            target[argument] = spell(shapes[argument], tags, {})
            getattr(aws.client(service), operation)(**target)


def _set_on_bucket(aws: Aws, name: str, tags: Tags) -> None:
    if tags:
        aws.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs(tags)})
    else:
        aws.client("s3").delete_bucket_tagging(Bucket=name)
