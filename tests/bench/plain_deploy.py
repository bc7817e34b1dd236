"""What a deployment script does without this project, for comparison: update the service, wait, ask once.

    python -m tests.bench.plain_deploy CLUSTER SERVICE TASK_DEFINITION URL [--connect-to HOST:PORT] [--attempts 40]

The wait is boto3's `services_stable` as it comes: every 15 s, 40 times; a failed deployment that ECS would not list any
more does not count, though the emulator lists it (`bench.as_ecs_lists`). The first answer of the health check counts.
The last line is JSON: why the wait did not end well, else the code, `status` and `version` of the one answer.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from botocore.exceptions import WaiterError

from release import http
from tests.bench import as_ecs_lists


def deploy(cluster: str, service: str, task_definition: str, attempts: int) -> str | None:
    """Update the service and wait; why the wait did not end well."""
    ecs = as_ecs_lists.client()
    ecs.update_service(cluster=cluster, service=service, taskDefinition=task_definition)
    try:
        ecs.get_waiter("services_stable").wait(
            cluster=cluster, services=[service], WaiterConfig={"MaxAttempts": attempts}
        )
    except WaiterError as error:
        return str(error)
    return None


def ask(url: str, connect_to: str | None) -> dict[str, Any]:
    """One answer of the health check: its HTTP status, and the status and version it tells."""
    try:
        answer = http.get(url, connect_to=connect_to, timeout_s=10)
        body = json.loads(answer.body)
    except (http.HttpError, ValueError) as error:
        return {"code": 0, "error": str(error)}
    return {"code": answer.status, "status": body.get("status"), "version": body.get("version")}


def main() -> int:
    """Deploy; exit code 0 where the wait ended well and the answer was 200."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.plain_deploy", description=__doc__)
    for name in ("cluster", "service", "task_definition", "url"):
        parser.add_argument(name)
    parser.add_argument("--connect-to")
    parser.add_argument("--attempts", type=int, default=40)
    options = parser.parse_args()
    unstable = deploy(options.cluster, options.service, options.task_definition, options.attempts)
    found = {"unstable": unstable, **(ask(options.url, options.connect_to) if unstable is None else {})}
    print(json.dumps(found))
    return 0 if found.get("code") == 200 else 1


if __name__ == "__main__":
    raise SystemExit(main())
