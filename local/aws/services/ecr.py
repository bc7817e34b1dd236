"""Image repositories."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

from collections.abc import Collection

from ..kind import Kind, words
from ..naming import Name
from ..session import Aws, GoneError
from ..wire import Props


class Repository(Kind):
    """A repository; its URL names the emulator, so that Docker finds it."""

    resource = "aws:ecr/repository:Repository"
    replaces = words("name encryptionConfigurations")
    name = Name(limit=256, lower=True)
    defaults = {"imageTagMutability": "MUTABLE"}
    tagged = ("ecr", "arn")

    def create(self, aws: Aws, new: Props) -> str:
        wanted = {"repositoryName": new["name"], "imageTagMutability": new.get("imageTagMutability", "MUTABLE")}
        if new.get("imageScanningConfiguration"):
            wanted["imageScanningConfiguration"] = new["imageScanningConfiguration"]
        for encryption in new.get("encryptionConfigurations") or []:
            wanted["encryptionConfiguration"] = {"encryptionType": "AES256"} | encryption
        aws.client("ecr").create_repository(**wanted)
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("ecr").describe_repositories(repositoryNames=[identity])["repositories"]
        if not found:
            raise GoneError
        live = {
            "name": identity,
            "arn": found[0]["repositoryArn"],
            "registryId": found[0]["registryId"],
            "repositoryUrl": f"{aws.gateway}/{identity}",
        }
        names = ("imageTagMutability", "imageScanningConfiguration")
        return live | {name: found[0][name] for name in names if found[0].get(name)}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        ecr = aws.client("ecr")
        if "imageTagMutability" in changed:
            mutability = new.get("imageTagMutability", "MUTABLE")
            ecr.put_image_tag_mutability(repositoryName=identity, imageTagMutability=mutability)
        if "imageScanningConfiguration" in changed:
            scanning = new.get("imageScanningConfiguration") or {"scanOnPush": False}
            ecr.put_image_scanning_configuration(repositoryName=identity, imageScanningConfiguration=scanning)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ecr").delete_repository(repositoryName=identity, force=bool(state.get("forceDelete")))


class RepositoryPolicy(Kind):
    """Who may read and write a repository."""

    resource = "aws:ecr/repositoryPolicy:RepositoryPolicy"
    replaces = words("repository")

    def create(self, aws: Aws, new: Props) -> str:
        aws.client("ecr").set_repository_policy(repositoryName=new["repository"], policyText=new["policy"])
        return str(new["repository"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("ecr").get_repository_policy(repositoryName=identity)
        return {
            "repository": identity,
            "policy": found["policyText"],
            "registryId": found.get("registryId", aws.account),
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ecr").delete_repository_policy(repositoryName=identity)


class LifecyclePolicy(Kind):
    """When images expire."""

    resource = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    replaces = words("repository policy")
    delete_first = True

    def create(self, aws: Aws, new: Props) -> str:
        aws.client("ecr").put_lifecycle_policy(repositoryName=new["repository"], lifecyclePolicyText=new["policy"])
        return str(new["repository"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("ecr").get_lifecycle_policy(repositoryName=identity)
        return {"repository": identity, "policy": found["lifecyclePolicyText"], "registryId": aws.account}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ecr").delete_lifecycle_policy(repositoryName=identity)
