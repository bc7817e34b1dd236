"""The service that the function may change, and the clients to do it with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

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

# The function is stopped after 60 s: no single call may use that up.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3, 10


class Aws:
    """What the function works on. Each client is made when it is first needed: that takes longer than a call.

    Clients come from botocore, which is what boto3's clients are: importing boto3 itself takes twice as long, for
    resources and transfers that nothing here uses.
    """

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
        self._session = botocore.session.get_session()
        self._logs: dict[str | None, CloudWatchLogsClient] = {}

    @cached_property
    def ecs(self) -> ECSClient:
        """For what only reads."""
        client: ECSClient = self._client("ecs", _reading())
        return client

    @cached_property
    def ecs_changing(self) -> ECSClient:
        """One attempt only: a repeated UpdateService would start a second deployment."""
        once = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": 1, "mode": "standard"},
        )
        client: ECSClient = self._client("ecs", once)
        return client

    @cached_property
    def elbv2(self) -> ElasticLoadBalancingv2Client:
        """For the health of targets."""
        client: ElasticLoadBalancingv2Client = self._client("elbv2", _reading())
        return client

    @cached_property
    def s3(self) -> S3Client:
        """For the lease."""
        client: S3Client = self._client("s3", _reading())
        return client

    @cached_property
    def ecs_explaining(self) -> ECSClient:
        """For what only explains a verdict."""
        client: ECSClient = self._client("ecs", _explaining())
        return client

    def logs(self, region: str | None) -> CloudWatchLogsClient:
        """For what only explains a verdict. Logs may be in a region of their own."""
        if region not in self._logs:
            self._logs[region] = self._client("logs", _explaining(), region)
        return self._logs[region]

    def _client(self, service: str, config: Config, region: str | None = None) -> Any:
        return self._session.create_client(service, region_name=region, config=config)

    def describe_service(self) -> Service:
        """The service as ECS describes it; RefusedError where there is none."""
        services = self.ecs.describe_services(cluster=self.cluster, services=[self.service])["services"]
        service = facts.service(services[0]) if services else None
        if service is None or service.status != "ACTIVE":
            state = "does not exist" if service is None else f"is {service.status}"
            raise RefusedError(f"service {self.service} in cluster {self.cluster} {state}; expected an ACTIVE one")
        return service


def _reading() -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": 3, "mode": "standard"},
    )


def _explaining() -> Config:
    """One attempt, and little time."""
    return Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1, "mode": "standard"})
