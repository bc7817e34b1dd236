"""Gap: every registered target is reported healthy, and no health check is ever made.

Here a target is `initial` until its first passed check (as an Application Load Balancer does it), `unhealthy` and
`healthy` again by the target group's thresholds, and `draining` for the deregistration delay, or until its last
request is answered.
"""

from __future__ import annotations

import http.client
import random
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ministack.services import alb

from local.emulator.gaps import around, instead_of, security_groups
from local.emulator.gaps.regions import stored

MINIMUM_DRAIN_S = 0.5
"""How long a target without any request is draining at least: longer than a request needs to be handed over."""
FIRST_CHECKS_S = 0.5
"""How often a new target is tried; only one miss per interval of its target group counts."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A target group's health check."""

    path: str
    protocol: str
    port: str
    matcher: str
    interval_s: float
    timeout_s: float
    healthy_after: int
    unhealthy_after: int

    @staticmethod
    def of(group: dict[str, Any]) -> Check:
        """The check of a target group as ministack records it."""
        return Check(
            path=group.get("HealthCheckPath") or "/",
            protocol=group.get("HealthCheckProtocol") or "HTTP",
            port=str(group.get("HealthCheckPort") or "traffic-port"),
            matcher=str((group.get("Matcher") or {}).get("HttpCode") or "200"),
            interval_s=float(group.get("HealthCheckIntervalSeconds") or 30),
            timeout_s=float(group.get("HealthCheckTimeoutSeconds") or 5),
            healthy_after=int(group.get("HealthyThresholdCount") or 5),
            unhealthy_after=int(group.get("UnhealthyThresholdCount") or 2),
        )

    def port_of(self, target: int) -> int:
        """The port that is asked of a target which takes requests on the port `target`."""
        return target if self.port == "traffic-port" else int(self.port)

    def passes(self, answer: str) -> bool:
        """Whether what `probe` got is one of the matcher's codes: `200`, `200,202` or `200-299`."""
        bounds = [part.strip().split("-") for part in self.matcher.split(",")]
        return answer.isdigit() and any(int(low[0]) <= int(answer) <= int(low[-1]) for low in bounds)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What DescribeTargetHealth says of a target."""

    state: str
    reason: str = ""
    description: str = ""


INITIAL = Verdict(state="initial", reason="Elb.InitialHealthChecking", description="Initial health checks in progress")
HEALTHY = Verdict(state="healthy")
DRAINING = Verdict(
    state="draining",
    reason="Target.DeregistrationInProgress",
    description="Target deregistration is in progress",
)


def failed(answer: str) -> Verdict:
    """Unhealthy, in the words that AWS has for what the check got: a status code, `timeout` or no connection."""
    if answer.isdigit():
        text = f"Health checks failed with these codes: [{answer}]"
        return Verdict(state="unhealthy", reason="Target.ResponseCodeMismatch", description=text)
    if answer == "timeout":
        return Verdict(state="unhealthy", reason="Target.Timeout", description="Request timed out")
    return Verdict(state="unhealthy", reason="Target.FailedHealthChecks", description="Health checks failed")


@dataclass(kw_only=True)
class Target:
    """One address in one target group, from its registration to the end of its draining."""

    group: str
    address: str
    port: int
    verdict: Verdict = INITIAL
    in_flight: int = 0
    passed: int = 0
    missed: int = 0
    leaving_since: float | None = None
    wake: threading.Event = field(default_factory=threading.Event)

    def judge(self, answer: str, check: Check) -> None:
        """Count one answer; a new target needs one pass, one that was unhealthy the group's threshold."""
        if check.passes(answer):
            self.passed, self.missed = self.passed + 1, 0
            if self.verdict.state == "initial" or self.passed >= check.healthy_after:
                self.verdict = HEALTHY
        else:
            self.passed, self.missed = 0, self.missed + 1
            if self.missed >= check.unhealthy_after:
                self.verdict = failed(answer)


_lock = threading.RLock()
_targets: dict[tuple[str, str, int], Target] = {}


def verdict(group: str, address: str, port: int) -> Verdict:
    """What the checks say now of one registered target."""
    _follow(group)
    with _lock:
        target = _targets.get((group, address, port))
        return target.verdict if target else INITIAL


def take(group: str) -> Target | None:
    """A target that has one more request to answer: a healthy one, or any if all that are registered are unhealthy.

    "If a target group contains only unhealthy registered targets, the load balancer routes requests to all those
    targets": "Health checks for Application Load Balancer target groups", Elastic Load Balancing.
    """
    _follow(group)
    with _lock:
        registered = [item for item in _targets.values() if item.group == group and item.leaving_since is None]
        able = [item for item in registered if item.verdict is HEALTHY]
        if all(item.verdict.state == "unhealthy" for item in registered):
            able = registered
        if not able:
            return None
        least = min(item.in_flight for item in able)
        target = random.choice([item for item in able if item.in_flight == least])  # noqa: S311 - not a secret
        target.in_flight += 1
        return target


def give_back(target: Target) -> None:
    """The request that `take` counted was answered."""
    with _lock:
        target.in_flight -= 1


def drained(address: str) -> bool:
    """Whether no target group has requests under way to this address any more."""
    with _lock:
        for group in {item.group for item in _targets.values() if item.address == address}:
            _follow(group)  # nobody else may look at this group again
        return all(_has_left(item) for item in _targets.values() if item.address == address)


def _has_left(target: Target) -> bool:
    if target.leaving_since is None:
        return False
    gone_for = time.monotonic() - target.leaving_since
    attributes = {item["Key"]: item["Value"] for item in stored(alb._tg_attrs, target.group) or []}
    delay = float(attributes.get("deregistration_delay.timeout_seconds") or 300)
    return gone_for >= delay or (target.in_flight == 0 and gone_for >= min(MINIMUM_DRAIN_S, delay))


@around(alb, "set_targets_for_group")
def set_targets_for_group(change: Any, group: str, *targets: Any) -> Any:
    answer = change(group, *targets)
    _follow(group)
    return answer


@around(alb._ACTION_MAP, "RegisterTargets")
@around(alb._ACTION_MAP, "DeregisterTargets")
def change_targets(change: Any, params: Any) -> Any:
    answer = change(params)
    _follow(alb._p(params, "TargetGroupArn"))
    return answer


def _follow(group: str) -> None:
    """Start checks for targets that came, start draining those that left; all of them left a group that is gone."""
    with _lock:  # also for reading: what was registered a moment ago would come back as a new target, and stay
        record = stored(alb._tgs, group) if group else None
        if record is not None and record.get("TargetType") == "lambda":
            return
        listed = list(stored(alb._targets, group) or []) if record is not None else []
        port = int((record or {}).get("Port") or 80)
        registered = {(group, item["Id"], int(item.get("Port") or port)) for item in listed}
        for key in registered:
            target = _targets.get(key)
            if target is None or target.leaving_since is not None:
                target = _targets[key] = Target(group=group, address=key[1], port=key[2])
                threading.Thread(target=_check, args=(target,), daemon=True, name=f"health-{key[1]}").start()
        for key, target in list(_targets.items()):
            if key[0] == group and key not in registered and target.leaving_since is None:
                target.leaving_since = time.monotonic()
                target.verdict = DRAINING
                target.wake.set()
            if target.leaving_since is not None and _has_left(target):
                del _targets[key]


def _check(target: Target) -> None:
    """Check until the target leaves. A new one is tried often, so that it does not wait for its first pass."""
    due = time.monotonic()
    while target.leaving_since is None:
        group = stored(alb._tgs, target.group)
        if group is None:
            _follow(target.group)
            return
        check = Check.of(group)
        port = check.port_of(target.port)
        let_through = security_groups.reaches(target.group, port)
        answer = probe(target.address, port, check) if let_through else "timeout"
        with _lock:
            passed = check.passes(answer)
            if target.leaving_since is None and (passed or time.monotonic() >= due + check.interval_s):
                due = time.monotonic()
                target.judge(answer, check)
        target.wake.wait(FIRST_CHECKS_S if target.verdict is INITIAL else check.interval_s)


def probe(address: str, port: int, check: Check) -> str:
    """The status code of one check, `timeout`, or why there is none."""
    if check.protocol == "HTTPS":
        context = ssl._create_unverified_context()  # noqa: S323 - a load balancer does not verify its targets either
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            address, port, timeout=check.timeout_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(address, port, timeout=check.timeout_s)
    try:
        connection.request("GET", check.path, headers={"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"})
        return str(connection.getresponse().status)
    except TimeoutError:
        return "timeout"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


@instead_of(alb._ACTION_MAP, "DescribeTargetHealth")
def _describe_target_health(params: Any) -> Any:
    group = alb._p(params, "TargetGroupArn")
    record = alb._tgs.get(group)
    if record is None:
        return alb._error("TargetGroupNotFound", f"Target group '{group}' not found.")
    _follow(group)
    addresses = {item["Id"] for item in alb._parse_targets_param(params)}
    with _lock:
        of_group = (item for item in _targets.values() if item.group == group)
        listed = [item for item in of_group if not addresses or item.address in addresses]
        rows = "".join(_row(item, Check.of(record)) for item in listed)
    return alb._xml(200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{rows}</TargetHealthDescriptions>")


def _row(target: Target, check: Check) -> str:
    verdict_ = target.verdict
    why = f"<Reason>{verdict_.reason}</Reason><Description>{verdict_.description}</Description>"
    return (
        f"<member><Target><Id>{target.address}</Id><Port>{target.port}</Port></Target>"
        f"<HealthCheckPort>{check.port_of(target.port)}</HealthCheckPort>"
        f"<TargetHealth><State>{verdict_.state}</State>{why if verdict_.reason else ''}</TargetHealth></member>"
    )
