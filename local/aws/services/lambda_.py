"""Functions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from local.plugin.provider import Problem
from local.plugin.wire import UNKNOWN, Props

from ..archive import UnreadableError, zip_bytes
from ..kind import Change, Kind, Name, capital, words
from ..session import Aws, tries

READY_DEADLINE_S = 60


class Function(Kind):
    """A function. The same files make the same package, whenever and wherever it is made."""

    resource = "aws:lambda/function:Function"
    replaces = words("name packageType tenancyConfig durableConfig capacityProviderConfig")
    name = Name(limit=64)
    unordered = words("vpcConfig.subnetIds vpcConfig.securityGroupIds")
    defaults = {
        "memorySize": 128,
        "packageType": "Zip",
        "publish": False,
        "reservedConcurrentExecutions": -1,
        "skipDestroy": False,
        "timeout": 3,
    }
    volatile = words("version qualifiedArn qualifiedInvokeArn lastModified codeSha256 sourceCodeHash sourceCodeSize")
    tagged = "arn"
    finish = True
    service, make, identity = "lambda", "create_function", "{name}"
    changes = (Change("update_function_configuration"),)
    remove, keys = "delete_function", {"FunctionName": "id"}
    spelled = {
        "name": "FunctionName",
        "vpcId": "",
        "optimizationStatus": "",
        "retentionPeriod": "RetentionPeriodInDays",
    }
    outputs = {
        "arn": "FunctionArn",
        "name": "FunctionName",
        "sourceCodeHash": "CodeSha256",
        "sourceCodeSize": "CodeSize",
    }
    alike = words("role lastModified codeSha256 architectures timeout memorySize handler runtime")
    _package_of = words("code imageUri s3Bucket s3Key s3ObjectVersion architectures")
    handled = _package_of | words("reservedConcurrentExecutions publish")
    honoured = words("skipDestroy")

    def rules(self, inputs: Props) -> list[Problem]:
        sources = [name for name in ("code", "imageUri", "s3Bucket") if inputs.get(name)]
        if len(sources) != 1:
            return [Problem("code", f"exactly one of code, imageUri and s3Bucket must be set, not {sources or 'none'}")]
        if inputs.get("code") in (None, UNKNOWN):
            return []
        missing = [name for name in ("handler", "runtime") if not inputs.get(name)]
        problems = [Problem(name, "required for a function whose code is an archive") for name in missing]
        try:
            zip_bytes(inputs["code"])
        except UnreadableError as error:
            problems.append(Problem("code", str(error)))
        return problems

    def arguments(self, operation: str, props: Props) -> Props:
        # Without variables or a network, an update takes away those that were there.
        nothing: Props = {"environment": {"variables": {}}}
        if operation != self.make:
            nothing["vpcConfig"] = {"subnetIds": [], "securityGroupIds": []}
        return super().arguments(operation, nothing | props | {"code": None})

    def create(self, aws: Aws, new: Props) -> str:
        aws.client("lambda").create_function(**self.arguments(self.make, new), Code=self._package(new))
        return str(new["name"])

    def _package(self, new: Props) -> Props:
        if new.get("code"):
            return {"ZipFile": zip_bytes(new["code"])}
        names = ("imageUri", "s3Bucket", "s3Key", "s3ObjectVersion")
        return {capital(name): new[name] for name in names if new.get(name)}

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        return self._ready(aws, identity)

    def _ready(self, aws: Aws, identity: str) -> Props:
        for _ in tries(READY_DEADLINE_S):
            answer: Props = aws.client("lambda").get_function_configuration(FunctionName=identity)
            if answer.get("State") != "Pending" and answer.get("LastUpdateStatus") != "InProgress":
                break
        return answer

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer, live = self._ready(aws, identity), super().read(aws, identity, state)
        arn, version = answer["FunctionArn"], self._version(aws, identity, state)
        invoke = _invoke_arn(aws, arn)
        live |= {
            "version": version,
            "qualifiedArn": f"{arn}:{version}",
            "invokeArn": invoke,
            "qualifiedInvokeArn": _invoke_arn(aws, f"{arn}:{version}"),
            "responseStreamingInvokeArn": invoke.replace("/invocations", "/response-streaming-invocations"),
        }
        if state.get("environment"):
            live["environment"] = {"variables": (answer.get("Environment") or {}).get("Variables") or {}}
        code, state_hash = state.get("code"), state.get("codeSha256")
        if code and state_hash and state_hash != answer["CodeSha256"]:
            # The state keeps no contents, only what they hash to: another package than ours is shown as another hash.
            live["code"] = {**code, "hash": answer["CodeSha256"]}
        return live

    def _version(self, aws: Aws, identity: str, state: Props) -> str:
        if not state.get("publish"):
            return "$LATEST"
        versions: list[Any] = []
        for page in aws.client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=identity):
            versions += [int(item["Version"]) for item in page["Versions"] if item["Version"].isdigit()]
        return str(max(versions)) if versions else "$LATEST"

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        client = aws.client("lambda")
        if "reservedConcurrentExecutions" in changed:
            if new.get("reservedConcurrentExecutions", -1) >= 0:
                count = new["reservedConcurrentExecutions"]
                client.put_function_concurrency(FunctionName=identity, ReservedConcurrentExecutions=count)
            elif old:
                client.delete_function_concurrency(FunctionName=identity)
        if not old:
            return
        code, names = self._package_of & set(changed), set(changed) - self._package_of - {"publish"}
        settings = [name for name in names if self.takes("update_function_configuration", name)]
        if settings:
            arguments = self.arguments("update_function_configuration", new)
            client.update_function_configuration(**arguments | {"FunctionName": identity})
            self._ready(aws, identity)
        if code:
            architectures = {"Architectures": new["architectures"]} if new.get("architectures") else {}
            client.update_function_code(FunctionName=identity, **self._package(new), **architectures)
            self._ready(aws, identity)
        if new.get("publish") and (settings or code or "publish" in changed):
            client.publish_version(FunctionName=identity)


def _invoke_arn(aws: Aws, arn: str) -> str:
    return aws.arn("apigateway", f"path/2015-03-31/functions/{arn}/invocations", account="lambda")
