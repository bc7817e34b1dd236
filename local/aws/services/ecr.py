"""Image repositories."""

from __future__ import annotations

import re

from local.plugin.provider import Problem
from local.plugin.wire import UNKNOWN, Props

from ..kind import Change, Kind, Name, words
from ..session import Aws


class Repository(Kind):
    resource = "aws:ecr/repository:Repository"
    service, make, identity, remove = "ecr", "create_repository", "{name}", "delete_repository"
    get, answer_path, keys = "describe_repositories", "repositories", {"repositoryName": "id"}
    spelled = {"name": "repositoryName"}
    changes = (
        Change("put_image_tag_mutability", "imageTagMutability imageTagMutabilityExclusionFilters"),
        Change("put_image_scanning_configuration", "imageScanningConfiguration"),
    )
    outputs = {"name": "repositoryName", "arn": "repositoryArn", "repositoryUrl": "repositoryUri"}
    alike = words("registryId imageTagMutability imageScanningConfiguration")
    replaces = words("name encryptionConfigurations")
    name = Name(limit=256, lower=True)
    defaults = {"imageTagMutability": "MUTABLE", "imageScanningConfiguration": {"scanOnPush": False}}
    honoured = words("forceDelete")
    tagged = "arn"

    def rules(self, inputs: Props) -> list[Problem]:
        """The pattern of CreateRepository, Amazon ECR API Reference, which AWS looks at when it makes one."""
        part, name = r"[a-z0-9]+(?:[._-][a-z0-9]+)*", inputs.get("name")
        if name in (None, UNKNOWN) or re.fullmatch(rf"(?:{part}/)*{part}", name):
            return []
        return [Problem("name", f"is {name}: must be lower case letters and digits, with single . _ - / between them")]

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ecr").delete_repository(repositoryName=identity, force=bool(state.get("forceDelete")))


class RepositoryPolicy(Kind):
    resource = "aws:ecr/repositoryPolicy:RepositoryPolicy"
    service, make, identity, remove = "ecr", "set_repository_policy", "{repository}", "delete_repository_policy"
    get, keys = "get_repository_policy", {"repositoryName": "id"}
    spelled = {"repository": "repositoryName", "policy": "policyText"}
    put = True
    outputs = {"repository": "repositoryName", "policy": "policyText"}
    alike = words("registryId")
    replaces = words("repository")


class LifecyclePolicy(Kind):
    resource = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    service, make, identity, remove = "ecr", "put_lifecycle_policy", "{repository}", "delete_lifecycle_policy"
    get, keys = "get_lifecycle_policy", {"repositoryName": "id"}
    spelled = {"repository": "repositoryName", "policy": "lifecyclePolicyText"}
    outputs = {"repository": "repositoryName", "policy": "lifecyclePolicyText"}
    alike = words("registryId")
    replaces = words("repository policy")
    delete_first = True
