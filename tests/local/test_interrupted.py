"""Releases that are cut short, or run into each other: one winner, no orphan, and the next run converges by itself."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from release import lease, processes, records, stack
from tests.local.clone import Clone
from tests.local.workflow.api import REPOSITORY, serving

pytestmark = [pytest.mark.moves_on, pytest.mark.timeout(1800)]

PASSES = 25
"""Passes of the health check, one a second: a release that can be hit in its middle, and outlasts a first SIGINT."""
UP_S = 400
"""Seconds for a release, image and all, on a machine that is busy."""
GONE_S = 4
"""Seconds after the engine's end, or its order to end, within which nothing releases any more: two on an idle machine.
Pulumi itself would kill its plugins after five."""
UNSETTLED = "unsettled.json"
NOTHING = "dev: nothing to do: no lease, no lock, no pending operation\n"


class Dev:
    """The environment dev of a clone, and releases of it that run beside the test."""

    def __init__(self, clone: Clone) -> None:
        self.clone = clone
        self.log = clone.root / ".local" / "interrupted.log"
        lines = clone.shell("env -0").stdout.split("\0")
        self.environment = dict(line.split("=", 1) for line in lines if "=" in line)
        self.s3 = clone.aws("s3")
        self.bucket = str(clone.outputs("dev")["recordsBucket"])

    def commit(self, message: str) -> str:
        """A new version, its frontend built."""
        version = self.clone.commit(message)
        self.build()
        return version

    def build(self) -> None:
        """Build the frontend of what is checked out."""
        self.clone.run("make frontend 2>&1")

    @contextmanager
    def up(self, first: str = "true", **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """`pulumi up` as CI runs it, after `first`; the process is the engine. What it leaves is ended at the end."""
        with self.log.open("ab") as log:
            before = log.tell()
            engine = subprocess.Popen(
                ["sh", "-euc", f"{first}\nexec pulumi up -s dev --yes --skip-preview"],
                env=self.environment | variables,
                cwd=self.clone.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield engine
        except BaseException:
            print(self.log.read_bytes()[before:].decode(errors="replace")[-6000:])
            raise
        finally:
            for process in (engine.pid, *self.plugins()):
                if processes.runs(process):
                    os.kill(process, signal.SIGKILL)
            engine.wait()

    def has(self, key: str) -> bool:
        """Whether an object is in the records bucket."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key)
        return any(item["Key"] == key for item in found.get("Contents", []))

    def plugins(self) -> list[int]:
        """Processes of Pulumi that belong to this clone: plugins and language hosts, the releasing one among them."""
        home = f"PULUMI_HOME={self.environment['PULUMI_HOME']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                mine = home in (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if mine and any(name in command for name in (b"release.servicer", b"local.aws", b"local.language_host")):
                found.append(int(folder.name))
        return [process for process in found if processes.runs(process)]

    def releasing(self) -> list[int]:
        """Processes that release."""
        return [pid for pid in self.plugins() if b"release.servicer" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def recover(self) -> str:
        """What `python -m release recover` says; it succeeds."""
        return self.clone.run("python -m release recover -s dev 2>&1")

    def assert_settled_on(self, version: str) -> None:
        """Service, site, record and stack are on one version, and nothing is left of an interruption."""
        outputs = self.clone.outputs("dev")
        stored = records.read_release(self.s3, self.bucket)
        assert stored is not None
        site = json.loads(self.clone.get(outputs["url"] + "/version.json")[1])["version"]
        answers = {self.clone.health("dev")["version"] for _ in range(5)}
        assert (answers, site, stored.version, outputs["release"]["version"]) == ({version}, version, version, version)
        assert stack.output_of(stored.to_json()) == outputs["release"]
        assert running(self, outputs) == {stored.services["backend"].task_definition}
        assert not self.has(UNSETTLED)
        assert not self.has(lease.KEY)
        assert self.recover() == NOTHING


def running(dev: Dev, outputs: Mapping[str, Any]) -> set[str]:
    """The revisions that the service's tasks run."""
    ecs = dev.clone.aws("ecs")
    where = {"cluster": outputs["cluster"]}
    tasks = ecs.list_tasks(**where, serviceName=outputs["services"]["backend"]["service"])["taskArns"]
    return {task["taskDefinitionArn"] for task in ecs.describe_tasks(**where, tasks=tasks)["tasks"]}


def until(
    what: Callable[[], object], seconds: float = UP_S, *, process: subprocess.Popen[bytes] | None = None
) -> float:
    """Wait until something is so; the seconds that it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s"
        assert process is None or process.poll() is None, "the release ended before it could be interrupted"
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def dev(easi: Clone) -> Iterator[Dev]:
    """dev, with releases that take their time; at the end dev has proven what is checked out."""
    easi.run("make frontend")  # a test before may have left another commit than the one that was built
    easi.run(f"pulumi config set --path easi:services.backend.health.passes {PASSES} -s dev")
    try:
        yield Dev(easi)
    finally:
        easi.shell("pulumi config rm --path easi:services.backend.health.passes -s dev")
        easi.up("--env", "dev")


def test_of_two_releases_at_once_one_wins_and_the_other_names_it(dev: Dev) -> None:
    version = dev.commit("two at once")
    # With a copy of the state, Pulumi's own lock does not stand between them: only the lease does.
    copy = dev.clone.root / ".local" / "other-state"
    shutil.copytree(dev.clone.root / ".local" / "state", copy)
    try:
        with dev.up() as one, dev.up(PULUMI_BACKEND_URL=f"file://{copy}") as other:
            codes = sorted((one.wait(timeout=UP_S), other.wait(timeout=UP_S)))
    finally:
        shutil.rmtree(copy)
    said = dev.log.read_text()
    assert codes[0] == 0
    assert codes[1] != 0
    assert "dev is being released by " in said, said
    assert f"(version {version[:12]}, process " in said
    # Whoever won: the stack whose state is kept ends where the environment is.
    with dev.up() as again:
        assert again.wait(timeout=UP_S) == 0
    dev.assert_settled_on(version)


def test_a_killed_engine_leaves_no_orphan_and_after_recover_also_the_version_before_is_released(dev: Dev) -> None:
    before = dev.clone.version
    dev.build()
    with dev.up() as settled:
        assert settled.wait(timeout=UP_S) == 0
    dev.commit("killed in the middle, and nobody wants it any more")
    with dev.up() as engine:
        until(lambda: dev.has(UNSETTLED), process=engine)
        until(lambda: dev.clone.health("dev")["version"] != before, process=engine)
        assert dev.releasing()
        engine.kill()
        engine.wait()
        until(lambda: not dev.releasing(), GONE_S)
        assert not dev.has(lease.KEY), "the lease is given back before the process ends"
        until(lambda: not dev.plugins(), 10)
    code, blocked = dev.clone.update("dev")
    assert code != 0
    assert "the stack is currently locked by 1 lock(s)" in blocked
    said = dev.recover()
    assert "dev: an update was cut short: freeing its lock" in said
    assert "release: the next update releases again" in said
    assert dev.recover() == NOTHING
    # The inputs are those of the state again: only the mark says that what serves is something else.
    dev.clone.git("reset", "--quiet", "--hard", before)
    dev.build()
    with dev.up() as again:
        assert again.wait(timeout=UP_S) == 0
    dev.assert_settled_on(before)


def test_a_job_frees_the_lock_of_another_machine_when_its_run_is_over_and_not_before(dev: Dev) -> None:
    with serving() as api:
        api.states[7, 1] = "in_progress"
        variables = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": api.url, "GITHUB_RUN_ATTEMPT": "1"}
        variables["GITHUB_TOKEN"] = api.token({"actions": "read"})
        with dev.up("python -m ci recover -s dev", GITHUB_RUN_ID="7", **variables) as engine:
            locks = dev.clone.root / ".local" / "state" / ".pulumi" / "locks"
            # The engine's own, and not that of `recover`, which this process was before.
            until(lambda: Path(f"/proc/{engine.pid}/exe").readlink().name == "pulumi" and list(locks.rglob("*.json")))
            (lock,) = locks.rglob("*.json")
            engine.send_signal(signal.SIGSTOP)  # what AWS makes takes long: the release has not begun
            elsewhere(dev, lock)
            recover = " ".join(f"{name}={value}" for name, value in variables.items())
            recover = f"GITHUB_RUN_ID=8 {recover} python -m ci recover -s dev 2>&1"
            refused = dev.clone.shell(f"{recover} || echo ended with $?")
            assert f"run 7 of {REPOSITORY}, attempt 1, which took it, is in_progress. Nothing" in refused.stdout
            assert refused.stdout.endswith("ended with 1\n")
            assert lock.exists()
            assert engine.poll() is None
            assert not dev.has(lease.KEY), "only the lock says that this update is under way"
            engine.kill()
            engine.wait()
            api.states[7, 1] = "completed"
            freed = dev.clone.shell(recover)
            assert "dev: an update was cut short: freeing its lock" in freed.stdout
            assert not lock.exists()
    assert '"run":8' in dev.clone.shell("pulumi stack tag get release:run -s dev").stdout


def elsewhere(dev: Dev, lock: Path) -> None:
    """Let the lock, and what the run noted of itself, be of another machine."""
    content = json.loads(lock.read_text())
    lock.write_text(json.dumps(content | {"hostname": "runner-7"}))
    noted = json.loads(dev.clone.shell("pulumi stack tag get release:run -s dev").stdout)
    assert noted["pid"] == content["pid"], "the step's shell became the engine"
    tag = shlex.quote(json.dumps(noted | {"host": "runner-7"}))
    dev.clone.run(f"pulumi stack tag set release:run {tag} -s dev")


def test_a_cancelled_ci_job_leaves_nothing_that_releases_and_the_next_run_converges(dev: Dev) -> None:
    version = dev.commit("cancelled in CI")
    with dev.up() as engine:
        until(lambda: dev.has(UNSETTLED), process=engine)
        # As GitHub's runner: an interrupt, 7.5 s later a request to end, 2.5 s later the end of the whole tree.
        engine.send_signal(signal.SIGINT)
        time.sleep(7.5)
        assert engine.poll() is None, "Pulumi finishes what is under way"
        assert dev.releasing()
        engine.send_signal(signal.SIGTERM)
        until(lambda: not dev.releasing(), GONE_S)
        time.sleep(0.5)
        for process in (engine.pid, *dev.plugins()):
            os.kill(process, signal.SIGKILL)
        engine.wait()
    until(lambda: not dev.has(lease.KEY), lease.TTL_S)
    assert "Traceback" not in dev.clone.up("--env", "dev")
    dev.assert_settled_on(version)
