"""Every resource type that the plugin knows: the classes of the modules listed here.

A type that is missing here is an error that says so: add a Kind to the module of its service.
"""

from __future__ import annotations

from types import ModuleType

from .kind import Kind
from .services import (
    autoscaling,
    cloudfront,
    cloudfront_parts,
    ec2,
    ecr,
    ecs,
    iam,
    lambda_,
    lb,
    monitoring,
    s3,
    secrets,
    security_groups,
    task_definitions,
)

MODULES = (ec2, security_groups, ecr, s3, ecs, task_definitions, lb, iam, monitoring, autoscaling)
MODULES += (cloudfront, cloudfront_parts, lambda_, secrets)


def _kinds(module: ModuleType) -> list[type[Kind]]:
    classes = [item for item in vars(module).values() if isinstance(item, type) and issubclass(item, Kind)]
    return [kind for kind in classes if "resource" in vars(kind)]


TABLE: dict[str, Kind] = {kind.resource: kind() for module in MODULES for kind in _kinds(module)}
HONOURED = {token: kind.honoured for token, kind in TABLE.items() if kind.honoured}
RECORDED_ONLY = {token: kind.recorded for token, kind in TABLE.items() if kind.recorded}
