"""The same failures given to a release and to a plain script: what each says of them, and what serves afterwards.

    python -m tests.bench.side_by_side [--rounds 3] [--attempts 40]

In the folder of a clone that `make up` has brought up. The images are those of the failure suite (tests/local/faults)
and run as real containers; the script is `bench.plain_deploy`. Its one answer is judged twice: as scripts do it that
are content with a 200, and as those do it that compare the version, too. A verdict is false when it says good of a
version that does not answer right every time, or bad of one that does. Until the verdict visitors ask at a steady rate:
wrong is what is not a passing answer of the version before, or of a new one whose image works. After each turn the
environment is brought back to what its record proves.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release import healthcheck
from tests.bench.load import vegeta
from tests.bench.outputs import ENVIRONMENT
from tests.local.clone import Clone
from tests.local.faults import process
from tests.local.faults.broken_images import BROKEN_IMAGES, WORKING
from tests.local.faults.case import Case
from tests.local.faults.world import World, opened

PROBES = 12
"""Answers that what serves afterwards is judged by."""
SETTLE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one way of deploying said of one case."""

    case: Case
    way: str
    good: bool
    seconds: float
    serves: str
    """What answers afterwards: old, new, or what is wrong with it."""
    visitors: vegeta.Report
    """What visitors were answered until the verdict."""
    ended: bool = True
    """False: the script's wait ran out, so that its `bad` is no judgement of the version."""

    @property
    def false_pass(self) -> bool:
        """Whether it called good what is not."""
        return self.good and self.case.expect != "proven"

    @property
    def false_alarm(self) -> bool:
        """Whether it called bad what is good."""
        return not self.good and self.case.expect == "proven"


def serving(world: World, versions: Mapping[str, str]) -> str:
    """Old or new where every answer is right; otherwise how many are, and the first that is not."""
    url = world.site + world.health_path
    check = healthcheck.HealthCheck(url=url, version="0" * 40, connect_to=f"127.0.0.1:{world.clone.port}")
    answers = []
    for _ in range(PROBES):
        answer = healthcheck.probe(check)
        status = answer.body.get("status")
        name = versions.get(str(answer.body.get("version"))) if status == "pass" else None
        wrong = "another version" if status == "pass" else status or answer.miss
        answers.append(name or f"wrong: {wrong}")
    if len(set(answers)) == 1:
        return answers[0]
    wrong = [name for name in answers if name not in versions.values()]
    return f"{len(wrong)} of {PROBES} {wrong[0]}" if wrong else "old and new"


def ours(world: World, case: Case, old: str) -> list[Verdict]:
    """A release as `pulumi up` makes it."""
    inputs = world.inputs(case)
    new = str(inputs["version"])
    with world.load(case.right(old, new)) as reports:
        ended = world.release(inputs)
    serves = serving(world, {old: "old", new: "new"})
    good = ended.outcome == "proven"
    return [Verdict(case=case, way="release", good=good, seconds=ended.seconds, serves=serves, visitors=reports[0])]


def plain(world: World, case: Case, old: str, attempts: int) -> list[Verdict]:
    """The script, with its answer judged in both ways."""
    inputs = world.inputs(case)
    new, revision = str(inputs["version"]), inputs["services"]["backend"]["taskDefinition"]
    command = [sys.executable, "-m", "tests.bench.plain_deploy", world.cluster, world.service, revision]
    command += [world.site + world.health_path, "--connect-to", f"127.0.0.1:{world.clone.port}"]
    command += ["--attempts", str(attempts)]
    variables = process.environment(f"http://127.0.0.1:{world.clone.port}")
    began = time.monotonic()
    with world.load(case.right(old, new)) as reports:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
    if not done.stdout:
        raise SystemExit(f"the script ended with {done.returncode}: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    content = said.get("code") == 200
    exact = content and said.get("status") == "pass" and said.get("version") == new
    serves, ended, visitors = serving(world, {old: "old", new: "new"}), said["unstable"] is None, reports[0]
    return [
        Verdict(case=case, way=way, good=good, seconds=seconds, serves=serves, visitors=visitors, ended=ended)
        for way, good in (("script, 200", content), ("script, version", exact))
    ]


def bring_back(world: World) -> str:
    """Move the service to what the record proves, and wait until only that answers. The version."""
    now = world.observe()
    if now.revision != now.recorded_revision:
        world.aws("ecs").update_service(
            cluster=world.cluster, service=world.service, taskDefinition=now.recorded_revision
        )
    ends = time.monotonic() + SETTLE_S
    while serving(world, {now.record: "old"}) != "old" or not _settled(world):
        if time.monotonic() > ends:
            raise SystemExit(f"{now.record[:12]} does not answer alone after {SETTLE_S:.0f} s: {world.observe()}")
        time.sleep(1)
    return now.record


def _settled(world: World) -> bool:
    deployments = world.described()["deployments"]
    primary = next(one for one in deployments if one["status"] == "PRIMARY")
    others = sum(one["runningCount"] for one in deployments) - primary["runningCount"]
    return bool(primary["rolloutState"] == "COMPLETED" and not others)


def main() -> int:
    """Print each turn and what it comes to; 1 where a release passed falsely, or let visitors be answered wrongly."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.side_by_side", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each case")
    parser.add_argument(
        "--attempts", type=int, default=40, help="polls of the script's wait; boto3's own default is 40"
    )
    parser.add_argument("--only", default="", help="part of the name of the cases that are wanted")
    options = parser.parse_args()
    clone = Clone(Path.cwd())
    if clone.why_not_up:
        raise SystemExit(f"this needs the local environments: {clone.why_not_up}")
    verdicts: list[Verdict] = []
    row = "{:32}{:18}{:10}{:>7}{:>18}  {}".format
    print(row("case", "way", "verdict", "s", "answered wrongly", f"serves afterwards ({ENVIRONMENT})"), flush=True)
    with tempfile.TemporaryDirectory() as name, opened(clone, Path(name)) as world:
        for case in (case for case in (WORKING, *BROKEN_IMAGES) if options.only in case.name):
            for _ in range(options.rounds):
                turn = plain(world, case, bring_back(world), options.attempts)
                turn += ours(world, case, bring_back(world))
                for one in turn:
                    verdict = "FALSE" if one.false_pass or one.false_alarm else ""
                    said = f"{'good' if one.good else 'bad'} {verdict}" if one.ended else "no end"
                    wrong = f"{one.visitors.wrong} of {one.visitors.requests}"
                    print(row(case.name, one.way, said, f"{one.seconds:.0f}", wrong, one.serves), flush=True)
                verdicts += turn
    for way in dict.fromkeys(one.way for one in verdicts):
        own = [one for one in verdicts if one.way == way]
        bad = [one for one in own if one.case.expect != "proven"]
        broken = sum(one.serves not in {"old", "new"} for one in own)
        print(
            f"{way}: {sum(one.false_pass for one in own)} false passes of {len(bad)}, "
            f"{sum(one.false_alarm for one in own)} false alarms of {len(own) - len(bad)}, "
            f"{sum(not one.ended for one in own)} waits without an end, "
            f"{sum(one.visitors.wrong for one in own)} of {sum(one.visitors.requests for one in own)} requests "
            f"answered wrongly, {broken} of {len(own)} left what does not answer right, "
            f"{sum(one.seconds for one in own):.0f} s"
        )
    return 1 if any(one.false_pass or one.visitors.wrong for one in verdicts if one.way == "release") else 0


if __name__ == "__main__":
    raise SystemExit(main())
