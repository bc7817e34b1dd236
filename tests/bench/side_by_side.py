"""The same failures given to a release and to a plain script: what each says of them, and what serves afterwards.

    python -m tests.bench.side_by_side [--rounds 3] [--attempts 40]

In the folder of a clone that `make up` has brought up. The images are those of the failure suite (tests/local/faults)
and run as real containers; the script is `bench.plain_deploy`. Its one answer is judged twice: as scripts do it that
are content with a 200, and as those do it that compare the version, too. A verdict is false when it says good of a
version that does not answer right every time, or bad of one that does. After each turn the environment is brought back
to what its record proves.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from release import healthcheck, records
from tests.bench.outputs import ENVIRONMENT
from tests.local.clone import ROOT, Clone, caller_environment
from tests.local.faults import image
from tests.local.faults.cases import BROKEN_IMAGES, Case
from tests.local.faults.proxy import Proxy
from tests.local.faults.world import World

GOOD = Case(name="image without a fault", about="for comparison", expect="proven", serves="new")
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
    url = world.site + str(world.original["health"]["path"])
    check = healthcheck.HealthCheck(url=url, version="0" * 40, connect_to=f"127.0.0.1:{world.clone.port}")
    found = []
    for _ in range(PROBES):
        answer = healthcheck.probe(check)
        status = answer.body.get("status")
        name = versions.get(str(answer.body.get("version"))) if status == "pass" else None
        wrong = "another version" if status == "pass" else status or answer.miss
        found.append(name or f"wrong: {wrong}")
    if len(set(found)) == 1:
        return found[0]
    wrong = [name for name in found if name not in versions.values()]
    return f"{len(wrong)} of {PROBES} {wrong[0]}" if wrong else "old and new"


def ours(world: World, case: Case, old: str) -> list[Verdict]:
    """A release as `pulumi up` makes it."""
    inputs = world.inputs(case)
    ended = world.release(inputs)
    serves = serving(world, {old: "old", str(inputs["version"]): "new"})
    return [Verdict(case=case, way="release", good=ended.outcome == "proven", seconds=ended.seconds, serves=serves)]


def plain(world: World, case: Case, old: str, attempts: int) -> list[Verdict]:
    """The script, with its answer judged in both ways."""
    inputs = world.inputs(case)
    version = str(inputs["version"])
    url = world.site + str(world.original["health"]["path"])
    environment = {
        **caller_environment(),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{world.clone.port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": str(world.original["service"]).split(":")[3],
        "PYTHONPATH": str(ROOT),
    }
    command = [
        sys.executable,
        "-m",
        "tests.bench.plain_deploy",
        world.cluster,
        world.service,
        inputs["taskDefinition"],
        url,
    ]
    command += ["--connect-to", f"127.0.0.1:{world.clone.port}", "--attempts", str(attempts)]
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if not done.stdout:
        raise SystemExit(f"the script ended with {done.returncode}: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    content = said.get("code") == 200
    exact = content and said.get("status") == "pass" and said.get("version") == version
    serves, ended = serving(world, {old: "old", version: "new"}), said["unstable"] is None
    return [
        Verdict(case=case, way=way, good=good, seconds=seconds, serves=serves, ended=ended)
        for way, good in (("script, 200", content), ("script, version", exact))
    ]


def bring_back(world: World) -> str:
    """Move the service to what the record proves, and wait until only that answers. The version."""
    found = world.observe()
    if found.revision != found.recorded_revision:
        world.aws("ecs").update_service(
            cluster=world.cluster, service=world.service, taskDefinition=found.recorded_revision
        )
    ends = time.monotonic() + SETTLE_S
    while serving(world, {found.record: "old"}) != "old" or not _settled(world):
        if time.monotonic() > ends:
            raise SystemExit(f"{found.record[:12]} does not answer alone after {SETTLE_S:.0f} s: {world.observe()}")
        time.sleep(1)
    return found.record


def _settled(world: World) -> bool:
    found = world.aws("ecs").describe_services(cluster=world.cluster, services=[world.service])["services"][0]
    primary = next(each for each in found["deployments"] if each["status"] == "PRIMARY")
    others = sum(each["runningCount"] for each in found["deployments"]) - primary["runningCount"]
    return bool(primary["rolloutState"] == "COMPLETED" and not others)


@contextmanager
def world_of(clone: Clone) -> Iterator[World]:
    """The environment of a clone, with the image that misbehaves; at the end with what was proven there before."""
    with (
        Proxy(clone.port) as proxy,
        Proxy(clone.port) as function_proxy,
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        world = World(clone, proxy, function_proxy, folder)
        engine = docker.DockerClient(os.environ["DOCKER_HOST"]) if "DOCKER_HOST" in os.environ else docker.from_env()
        (folder / "image").mkdir()
        world.image = image.build(engine, folder / "image", str(world.original["image"]).partition("@")[0])
        kept = world.aws("s3").get_object(Bucket=world.records, Key=records.RELEASE_KEY)["Body"].read()
        try:
            yield world
        finally:
            world.stop()
            ended = world.release({**world.original, "urn": None})
            if ended.outcome == "proven":  # versions that exist nowhere else are not to be found in the record
                world.aws("s3").put_object(
                    Bucket=world.records, Key=records.RELEASE_KEY, Body=kept, ContentType="application/json"
                )


def main() -> int:
    """Print each turn and what it comes to; 1 where a release passed falsely."""
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
    row = "{:32}{:18}{:10}{:>7}  {}".format
    print(row("case", "way", "verdict", "s", f"serves afterwards ({ENVIRONMENT})"), flush=True)
    with world_of(clone) as world:
        for case in (case for case in (GOOD, *BROKEN_IMAGES) if options.only in case.name):
            for _ in range(options.rounds):
                found = plain(world, case, bring_back(world), options.attempts)
                found += ours(world, case, bring_back(world))
                for one in found:
                    verdict = "FALSE" if one.false_pass or one.false_alarm else ""
                    said = f"{'good' if one.good else 'bad'} {verdict}" if one.ended else "no end"
                    print(row(case.name, one.way, said, f"{one.seconds:.0f}", one.serves), flush=True)
                verdicts += found
    for way in dict.fromkeys(one.way for one in verdicts):
        own = [one for one in verdicts if one.way == way]
        bad = [one for one in own if one.case.expect != "proven"]
        broken = sum(one.serves not in {"old", "new"} for one in own)
        print(
            f"{way}: {sum(one.false_pass for one in own)} false passes of {len(bad)}, "
            f"{sum(one.false_alarm for one in own)} false alarms of {len(own) - len(bad)}, "
            f"{sum(not one.ended for one in own)} waits without an end, "
            f"{broken} of {len(own)} left what does not answer right, {sum(one.seconds for one in own):.0f} s"
        )
    return 1 if any(one.false_pass for one in verdicts if one.way == "release") else 0


if __name__ == "__main__":
    raise SystemExit(main())
