"""The service that the function may change, and the clients to do it with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import botocore.session
from botocore.config import Config

from functions.deploy import facts
from functions.deploy.errors import RefusedError
from functions.deploy.facts import Service

if TYPE_CHECKING:
    from types_boto3_ecs.client import ECSClient
    from types_boto3_elbv2.client import ElasticLoadBalancingv2Client
    from types_boto3_logs.client import CloudWatchLogsClient
    from types_boto3_s3.client import S3Client

EXPLAINING: Final = {"attempts": 1, "connect_s": 2, "read_s": 5}
"""For what only explains a verdict: one attempt, and little time."""


def _config(*, attempts: int = 3, connect_s: int = 3, read_s: int = 10) -> Config:
    """The function is stopped after 60 s: no single call may use that up."""
    retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
    return Config(connect_timeout=connect_s, read_timeout=read_s, retries=retries)


def _made(service: str, **limits: int) -> Any:
    return cached_property(lambda aws: aws.session.create_client(service, config=_config(**limits)))


class Aws:
    """What the function works on. Each client is made when it is first needed: that takes longer than a call.

    Clients come from botocore, which is what boto3's clients are: importing boto3 itself takes twice as long, for
    resources and transfers that nothing here uses.
    """

    ecs: ClassVar[ECSClient] = _made("ecs")
    """For what only reads."""
    ecs_changing: ClassVar[ECSClient] = _made("ecs", attempts=1)
    """One attempt only: a repeated UpdateService would start a second deployment."""
    ecs_explaining: ClassVar[ECSClient] = _made("ecs", **EXPLAINING)
    elbv2: ClassVar[ElasticLoadBalancingv2Client] = _made("elbv2")
    s3: ClassVar[S3Client] = _made("s3")
    """For the lease."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Raise RefusedError where the function was created without knowing its service."""
        for name in ("CLUSTER", "SERVICE", "RECORDS_BUCKET"):
            if not environment.get(name):
                raise RefusedError(
                    f"the function's environment has no {name}: set CLUSTER, SERVICE and RECORDS_BUCKET to their names"
                )
        self.cluster = environment["CLUSTER"]
        self.service = environment["SERVICE"]
        self.records_bucket = environment["RECORDS_BUCKET"]
        self.session = botocore.session.get_session()
        self._logs: dict[str | None, CloudWatchLogsClient] = {}

    def logs(self, region: str | None) -> CloudWatchLogsClient:
        """For what only explains a verdict. Logs may be in a region of their own."""
        if region not in self._logs:
            client: Any = self.session.create_client("logs", region_name=region, config=_config(**EXPLAINING))
            self._logs[region] = client
        return self._logs[region]

    def describe_service(self) -> Service:
        """The service as ECS describes it; RefusedError where there is none."""
        services = self.ecs.describe_services(cluster=self.cluster, services=[self.service])["services"]
        service = facts.service(services[0]) if services else None
        if service is None or service.status != "ACTIVE":
            state = "does not exist" if service is None else f"is {service.status}"
            raise RefusedError(f"service {self.service} in cluster {self.cluster} {state}; expected an ACTIVE one")
        return service
