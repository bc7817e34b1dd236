"""How long after a rollout is really done its verdict comes: the release's, and that of `aws ecs wait services-stable`.

    python -m tests.bench.time_to_verdict [--runs 12] [--stack dev]

Each run rolls out a revision that differs from the released one in how long its container takes to be called
healthy, so that rollouts end at every point of the waiter's 15 s. One rollout is watched by three at once:
`release.rollout`, which starts it; boto3's waiter with its own defaults, started with it; and an observer that asks
every 0.1 s. Waiter and observer do not count a failed deployment that ECS would not list any more, though the emulator
lists it (`bench.as_ecs_lists`). The observer's first sight of an accomplished rollout is the moment that both verdicts
are counted from. The health gate, which comes on top of our verdict and which the waiter has none of, is not in it. At
the end the released revision runs again.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

from functions.deploy.requests import Deploy
from release import lease, rollout
from release.deploy_function import DeployFunction
from release.progress import Say
from tests.bench import as_ecs_lists, outputs

GOAL = 5.0
OBSERVE_S = 0.1
DEADLINE_S = 180.0
WAITER_POLL_S = 15
"""Between two polls of services_stable, by botocore's own data."""
SHORTEST_CHECK_S = 5
"""The shortest interval of a container's health check that ECS takes."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """The service whose rollouts are measured."""

    cluster: str
    name: str
    function: str
    released: str
    """The revision of its release."""


@dataclass(frozen=True, kw_only=True)
class Took:
    """Seconds of one rollout."""

    rollout: float
    """From its start until it was really done."""
    ours: float
    """From then to each verdict."""
    waiter: float


def register(ecs: Any, service: Service, interval_s: int) -> str:
    """The released revision with another interval of the container's health check, as a new revision."""
    found = ecs.describe_task_definition(taskDefinition=service.released)["taskDefinition"]
    answered = ("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt")
    arguments = {key: value for key, value in found.items() if key not in (*answered, "registeredBy", "deregisteredAt")}
    arguments["containerDefinitions"][0]["healthCheck"]["interval"] = interval_s
    return str(ecs.register_task_definition(**arguments)["taskDefinition"]["taskDefinitionArn"])


def is_done(ecs: Any, elbv2: Any, service: Service, task_definition: str) -> bool:
    """One deployment, completed, all its tasks running, all their targets healthy; targets that drain aside."""
    found = ecs.describe_services(cluster=service.cluster, services=[service.name])["services"][0]
    deployments = found["deployments"]
    if len(deployments) != 1 or deployments[0]["taskDefinition"] != task_definition:
        return False
    if deployments[0].get("rolloutState") != "COMPLETED" or found["runningCount"] != found["desiredCount"]:
        return False
    for group in found["loadBalancers"]:
        targets = elbv2.describe_target_health(TargetGroupArn=group["targetGroupArn"])["TargetHealthDescriptions"]
        states = [target["TargetHealth"]["State"] for target in targets]
        if states.count("healthy") != found["desiredCount"] or set(states) - {"healthy", "draining"}:
            return False
    return True


def measure(service: Service, task_definition: str, lease_id: str, count: int) -> Took:
    """Roll out once, watched by all three."""
    ecs, elbv2 = as_ecs_lists.client(), boto3.client("elbv2")
    moments: dict[str, float] = {}
    started = threading.Event()

    def observe() -> None:
        ends = time.monotonic() + DEADLINE_S
        while time.monotonic() < ends and not is_done(ecs, elbv2, service, task_definition):
            time.sleep(OBSERVE_S)
        moments["done"] = time.monotonic()

    def wait() -> None:
        started.wait(DEADLINE_S)
        as_ecs_lists.client().get_waiter("services_stable").wait(cluster=service.cluster, services=[service.name])
        moments["waiter"] = time.monotonic()

    def say(line: str) -> None:
        if not started.is_set():  # the first line is told when the deployment has begun
            moments["began"] = time.monotonic()
            started.set()

    threads = [threading.Thread(target=each) for each in (observe, wait)]
    for thread in threads:
        thread.start()
    roll_out(service, task_definition, lease_id, count, say)
    moments["ours"] = time.monotonic()
    for thread in threads:
        thread.join()
    return Took(
        rollout=moments["done"] - moments["began"],
        ours=moments["ours"] - moments["done"],
        waiter=moments["waiter"] - moments["done"],
    )


def roll_out(service: Service, task_definition: str, lease_id: str, count: int, say: Say) -> None:
    """As the engine does it."""
    function = DeployFunction(boto3.client("lambda"), service.function, say, DEADLINE_S)
    deploy = Deploy(
        lease=lease_id,
        task_definition=task_definition,
        minimum_count=count,
        maximum_count=count,
        expected_deployment=rollout.replaced(rollout.current(function.client, function.name)),
    )
    rollout.side_by_side([rollout.start(function, deploy).until_decided()])


def measure_all(stack: dict[str, Any], name: str, runs: int, tell: Callable[[Took], None]) -> list[Took]:
    """All rollouts under one lease; whatever happens, the released revision runs at the end."""
    ecs = boto3.client("ecs")
    service = Service(
        cluster=stack["cluster"],
        name=stack["services"]["backend"]["service"],
        function=stack["services"]["backend"]["deployFunction"],
        released=stack["release"]["services"]["backend"]["taskDefinition"],
    )
    found = ecs.describe_services(cluster=service.cluster, services=[service.name])["services"][0]
    count = found["desiredCount"]
    made, took = [], []
    with lease.acquire(
        boto3.client("s3"),
        stack["recordsBucket"],
        environment=name,
        version=stack["release"]["version"],
        who="tests.bench.time_to_verdict",
        say=print,
    ) as held:
        try:
            for number in range(runs):
                made.append(register(ecs, service, SHORTEST_CHECK_S + number * WAITER_POLL_S // runs))
                took.append(measure(service, made[-1], held.id, count))
                tell(took[-1])
        finally:
            roll_out(service, service.released, held.id, count, lambda _: None)
            for revision in made:
                ecs.deregister_task_definition(taskDefinition=revision)
    return took


def main() -> int:
    """Print each run and the medians; 1 where ours is not sooner by the goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.time_to_verdict", description=__doc__)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--stack", default=outputs.ENVIRONMENT)
    options = parser.parse_args()
    found = outputs.of_stack(options.stack)
    row = "{:8}{:>12}{:>12}{:>18}".format
    print(row("", "rollout", "ours after", "services_stable"))

    def tell(took: Took) -> None:
        print(row("", f"{took.rollout:.1f}s", f"{took.ours:.2f}s", f"{took.waiter:.2f}s"), flush=True)

    took = measure_all(found, options.stack, options.runs, tell)
    ratios = []
    for name, figure in (("median", statistics.median), ("mean", statistics.fmean), ("worst", max)):
        done, ours, waiter = (figure([getattr(one, key) for one in took]) for key in ("rollout", "ours", "waiter"))
        ratios.append(waiter / ours)
        print(row(name, f"{done:.1f}s", f"{ours:.2f}s", f"{waiter:.2f}s"), f"  {waiter / ours:.1f}x (at least {GOAL})")
    return 0 if ratios[0] >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
