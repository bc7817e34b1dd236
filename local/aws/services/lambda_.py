"""Functions."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from ..archive import UnreadableError, zip_bytes
from ..kind import Kind, pascal, pick, respell, words
from ..naming import Name
from ..session import Aws
from ..shapes import Problem
from ..wire import UNKNOWN, Props

READY_DEADLINE_S = 60
READY_INTERVAL_S = 0.2


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
    tagged = ("lambda", "arn")
    finish = True
    _settings = (
        "role handler runtime description timeout memorySize layers tracingConfig ephemeralStorage loggingConfig "
        "deadLetterConfig"
    )
    _code = words("code imageUri s3Bucket s3Key s3ObjectVersion sourceCodeHash architectures codeSha256")

    def check(self, inputs: Props) -> list[Problem]:
        given = [name for name in ("code", "imageUri", "s3Bucket") if inputs.get(name)]
        if len(given) != 1:
            return [Problem("code", f"exactly one of code, imageUri and s3Bucket must be set, not {given or 'none'}")]
        if inputs.get("code") in (None, UNKNOWN):
            return []
        missing = [name for name in ("handler", "runtime") if not inputs.get(name)]
        problems = [Problem(name, "required for a function whose code is an archive") for name in missing]
        try:
            zip_bytes(inputs["code"])
        except UnreadableError as error:
            problems.append(Problem("code", str(error)))
        return problems

    def create(self, aws: Aws, new: Props) -> str:
        wanted = self._configuration(new) | {"FunctionName": new["name"], "Code": self._package(new)}
        wanted |= pick(new, "architectures packageType publish")
        aws.client("lambda").create_function(**wanted)
        return str(new["name"])

    def _configuration(self, new: Props) -> Props:
        wanted = pick(new, self._settings, kmsKeyArn="KMSKeyArn")
        # Keys of the environment are the program's, not the API's.
        wanted["Environment"] = {"Variables": (new.get("environment") or {}).get("variables") or {}}
        if new.get("imageConfig"):
            names = {"commands": "command", "entryPoints": "entryPoint"}
            wanted["ImageConfig"] = pascal(respell(new["imageConfig"], names))
        if new.get("fileSystemConfig"):
            wanted["FileSystemConfigs"] = [pascal(new["fileSystemConfig"])]
        if new.get("vpcConfig"):
            wanted["VpcConfig"] = pick(new["vpcConfig"], "subnetIds securityGroupIds")
        return wanted

    def _package(self, new: Props) -> Props:
        if new.get("code"):
            return {"ZipFile": zip_bytes(new["code"])}
        return pick(new, "imageUri s3Bucket s3Key s3ObjectVersion")

    def _ready(self, aws: Aws, identity: str) -> Props:
        deadline = time.monotonic() + READY_DEADLINE_S
        while True:
            found: Props = aws.client("lambda").get_function_configuration(FunctionName=identity)
            pending = found.get("State") == "Pending" or found.get("LastUpdateStatus") == "InProgress"
            if not pending or time.monotonic() > deadline:
                return found
            time.sleep(READY_INTERVAL_S)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = self._ready(aws, identity)
        arn, version = found["FunctionArn"], self._version(aws, identity, state)
        live: Props = {
            "arn": arn,
            "name": found["FunctionName"],
            "role": found["Role"],
            "version": version,
            "qualifiedArn": f"{arn}:{version}",
            "invokeArn": _invoke_arn(aws, arn),
            "qualifiedInvokeArn": _invoke_arn(aws, f"{arn}:{version}"),
            "responseStreamingInvokeArn": _invoke_arn(aws, arn).replace(
                "/invocations", "/response-streaming-invocations"
            ),
            "lastModified": found["LastModified"],
            "codeSha256": found["CodeSha256"],
            "sourceCodeHash": found["CodeSha256"],
            "sourceCodeSize": found["CodeSize"],
            "architectures": found.get("Architectures", ["x86_64"]),
        }
        for name, key in (
            ("timeout", "Timeout"),
            ("memorySize", "MemorySize"),
            ("handler", "Handler"),
            ("runtime", "Runtime"),
        ):
            if found.get(key):
                live[name] = found[key]
        if state.get("environment"):
            live["environment"] = {"variables": (found.get("Environment") or {}).get("Variables") or {}}
        code, known = state.get("code"), state.get("codeSha256")
        if code and known and known != found["CodeSha256"]:
            # The state keeps no contents, only what they hash to: another package than ours is shown as another hash.
            live["code"] = {**code, "hash": found["CodeSha256"]}
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
        settings = {*self._settings.split(), "environment", "imageConfig", "fileSystemConfig", "vpcConfig", "kmsKeyArn"}
        if settings & set(changed):
            client.update_function_configuration(FunctionName=identity, **self._configuration(new))
            self._ready(aws, identity)
        if self._code & set(changed):
            client.update_function_code(FunctionName=identity, **self._package(new), **pick(new, "architectures"))
            self._ready(aws, identity)
        if new.get("publish") and ((settings | self._code | {"publish"}) & set(changed)):
            client.publish_version(FunctionName=identity)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        if not state.get("skipDestroy"):
            aws.client("lambda").delete_function(FunctionName=identity)


def _invoke_arn(aws: Aws, arn: str) -> str:
    return aws.arn("apigateway", f"path/2015-03-31/functions/{arn}/invocations", account="lambda")
