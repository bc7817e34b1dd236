"""Tags: every service has its own way to set them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .kind import Kind
from .session import Aws
from .wire import Props

Tags = dict[str, str]
Setter = Callable[[Any, str, Tags, list[str]], None]


def pairs(tags: Tags, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as the list of pairs that most APIs take."""
    return [{key: name, value: str(tags[name])} for name in sorted(tags)]


def from_pairs(tags: list[dict[str, str]] | None) -> Tags:
    """The opposite of `pairs`, whatever the case of the keys."""
    return {tag.get("Key", tag.get("key", "")): tag.get("Value", tag.get("value", "")) for tag in tags or []}


@dataclass(frozen=True)
class _Calls:
    """How most services tag: one call adds, one removes; each names its arguments in its own way."""

    add: str
    remove: str
    resource: str
    tags: str
    keys: str
    form: Callable[[Tags], Any] = pairs
    many: bool = False

    def __call__(self, client: Any, name: str, wanted: Tags, removed: list[str]) -> None:
        target = {self.resource: [name] if self.many else name}
        if removed:
            gone: Any = [{"Key": key} for key in removed] if self.keys == "Tags" else removed
            getattr(client, self.remove)(**target, **{self.keys: gone})
        if wanted:
            getattr(client, self.add)(**target, **{self.tags: self.form(wanted)})


def _small_pairs(tags: Tags) -> list[dict[str, str]]:
    return pairs(tags, "key", "value")


def _bucket(client: Any, name: str, wanted: Tags, removed: list[str]) -> None:
    if wanted:
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs(wanted)})
    else:
        client.delete_bucket_tagging(Bucket=name)


def _distribution(client: Any, name: str, wanted: Tags, removed: list[str]) -> None:
    if removed:
        client.untag_resource(Resource=name, TagKeys={"Items": removed})
    if wanted:
        client.tag_resource(Resource=name, Tags={"Items": pairs(wanted)})


def _parameter(client: Any, name: str, wanted: Tags, removed: list[str]) -> None:
    if removed:
        client.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=removed)
    if wanted:
        client.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=pairs(wanted))


_TAG, _UNTAG = "tag_resource", "untag_resource"
SETTERS: dict[str, Setter] = {
    "ec2": _Calls("create_tags", "delete_tags", "Resources", "Tags", "Tags", many=True),
    "ecr": _Calls(_TAG, _UNTAG, "resourceArn", "tags", "tagKeys"),
    "s3": _bucket,
    "ecs": _Calls(_TAG, _UNTAG, "resourceArn", "tags", "tagKeys", _small_pairs),
    "elbv2": _Calls("add_tags", "remove_tags", "ResourceArns", "Tags", "TagKeys", many=True),
    "iam": _Calls("tag_role", "untag_role", "RoleName", "Tags", "TagKeys"),
    "cloudfront": _distribution,
    "cloudwatch": _Calls(_TAG, _UNTAG, "ResourceARN", "Tags", "TagKeys"),
    "lambda": _Calls(_TAG, _UNTAG, "Resource", "Tags", "TagKeys", dict),
    "logs": _Calls(_TAG, _UNTAG, "resourceArn", "tags", "tagKeys", dict),
    "ssm": _parameter,
    "secretsmanager": _Calls(_TAG, _UNTAG, "SecretId", "Tags", "TagKeys"),
}


def set_tags(aws: Aws, kind: Kind, identity: str, state: Props, before: Props) -> None:
    """Bring the tags of a resource from those in one state to those in another."""
    if kind.tagged is None or kind.tagged[0] not in SETTERS:
        return
    service, output = kind.tagged
    wanted, had = state.get("tagsAll") or {}, before.get("tagsAll") or {}
    if wanted == had:
        return
    removed = sorted(set(had) - set(wanted))
    SETTERS[service](aws.client(service), identity if output == "id" else state[output], wanted, removed)
