"""The service that the function may change, and the clients to do it with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import botocore.session
from botocore.config import Config

from functions.deploy import facts
from functions.deploy.errors import RefusedError
from functions.deploy.facts import Service

# The function is stopped after 60 s: no single call may use that up.
TIMEOUTS = {"connect_timeout": 3, "read_timeout": 10}


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
        self._explaining: dict[tuple[str, str | None], Any] = {}

    @cached_property
    def ecs(self) -> Any:
        """For what only reads."""
        return self._session.create_client("ecs", config=_reading())

    @cached_property
    def ecs_changing(self) -> Any:
        """One attempt only: a repeated UpdateService would start a second deployment."""
        once = Config(**TIMEOUTS, retries={"total_max_attempts": 1, "mode": "standard"})
        return self._session.create_client("ecs", config=once)

    @cached_property
    def elbv2(self) -> Any:
        """For the health of targets."""
        return self._session.create_client("elbv2", config=_reading())

    @cached_property
    def s3(self) -> Any:
        """For the lease."""
        return self._session.create_client("s3", config=_reading())

    def explaining(self, service: str, region: str | None = None) -> Any:
        """For what only explains a verdict: one attempt, and little time. Logs may be in a region of their own."""
        if (service, region) not in self._explaining:
            once = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1, "mode": "standard"})
            self._explaining[service, region] = self._session.create_client(service, region_name=region, config=once)
        return self._explaining[service, region]

    def describe_service(self) -> Service:
        """The service as ECS describes it; RefusedError where there is none."""
        found = facts.service(self.ecs.describe_services(cluster=self.cluster, services=[self.service]))
        if found is None or found.status != "ACTIVE":
            state = "does not exist" if found is None else f"is {found.status}"
            raise RefusedError(f"service {self.service} in cluster {self.cluster} {state}; expected an ACTIVE one")
        return found


def _reading() -> Config:
    return Config(**TIMEOUTS, retries={"total_max_attempts": 3, "mode": "standard"})
