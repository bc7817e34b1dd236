"""`python -m ci evidence`: what a reviewer reads before approving; with a role that may read states and statements."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ci import main
from cli import evidence, markdown
from cli.errors import VerbError
from cli.events import Change, Preview
from release import session, statements
from release.environment_before import Health
from tests.unit.environments import MIGRATION, World, released

WHEN = "2026-01-02 03:04:05 UTC"


class Previews:
    """Answers in place of `pulumi preview`, and which stacks were asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.more: dict[str, Any] = {}

    def __call__(self, stack: str, *, refresh: bool = False) -> Preview:
        assert not refresh, "what runs is not compared with what is really there: the role need not see all of it"
        self.asked.append(stack)
        values: dict[str, Any] = {"stack": stack, "version": "1" * 40, "counts": {"update": 2}, "diff": "~ cpu: 1 => 2"}
        return Preview(**values | self.more)


@pytest.fixture
def previews(monkeypatch: pytest.MonkeyPatch) -> Previews:
    made = Previews()
    monkeypatch.setattr(evidence, "create", made)
    return made


class Ecr:
    """Stands for a session of boto3 and for its client of ECR, with the answer about each image's scan."""

    def __init__(self) -> None:
        self.answer: Any = scanned(CRITICAL=1, LOW=4)
        self.asked: list[str] = []

    def client(self, service: str, **_: Any) -> Ecr:
        assert service == "ecr"
        return self

    def describe_image_scan_findings(self, **asked: Any) -> Any:
        self.asked.append(asked["imageId"]["imageDigest"])
        if isinstance(self.answer, str):
            raise ClientError({"Error": {"Code": self.answer, "Message": "no"}}, "DescribeImageScanFindings")
        return self.answer

    def describe_repositories(self, **_: Any) -> Any:
        return {"repositories": [{"imageScanningConfiguration": {"scanOnPush": False}}]}


def scanned(**counts: int) -> Any:
    return {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findingSeverityCounts": counts}}


@pytest.fixture(autouse=True)
def ecr(monkeypatch: pytest.MonkeyPatch) -> Ecr:
    made = Ecr()
    monkeypatch.setattr(session, "sign_in", lambda *_, **__: made)
    return made


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """With the role of previews: of the records, it may read what people stated."""

    def check(operation: str, key: str) -> None:
        assert operation != "get" or key.startswith(statements.PREFIX), "a record was asked for"

    world.s3.before = check
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    return world


def url(world: World, name: str, address: str) -> None:
    world.stacks[name]["export"]["deployment"]["resources"][0]["outputs"]["url"] = address


def test_the_proof_of_the_environment_before_the_commits_and_what_would_change(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], ecr: Ecr
) -> None:
    world.add("impl", released(world.first, world.third, manifest=f"sha256:{'7' * 64}"))
    url(world, "impl", "https://impl.example.gov")
    world.add("prod", released(world.first), promotes_from="impl", **{MIGRATION: ["/m", "up"]})
    comes = f"prod: {world.first[:7]} -> {world.third[:7]}, 2 commits, proven in impl 13:18 UTC"
    danger = Change(name="vpc", type="aws:ec2/vpc:Vpc", because=("cidrBlock",))
    previews.more = {"replaced": (danger,), "headline": comes}

    code = main(["evidence", "-s", "prod"])

    said, shown = capsys.readouterr().out, world.summary()
    assert code == 0
    assert previews.asked == ["prod"]
    assert ecr.asked == [f"sha256:{world.third[:12].ljust(64, '0')}"]
    assert "the release will be refused" not in said, "no finding is to refuse it"
    assert "| image scan | 1 critical, 4 low |" in shown
    assert said.startswith(
        f"{comes}\n"
        f"prod would release {world.third[:12]}: impl has proven it ({WHEN}).\n"
        f"  commits   2 come (+), compared with {world.first[:12]}\n"
        f"            + {world.third[:7]} the third\n"
    )
    assert "  preview   2 to update\n  scan      1 critical, 4 low\n  proof     it runs in impl\n" in said
    assert f"            version          {world.third}\n" in said
    assert "https://impl.example.gov" in said
    assert f"<code>sha256:{world.third[:12].ljust(64, '0')}</code>" in shown, "the image that was proven"
    assert f"<code>sha256:{'7' * 64}</code>" in shown, "the files that were proven"
    assert f"| proven | {WHEN} |" in shown
    assert "https://impl.example.gov" in shown
    assert f"+ {world.second[:7]} the second" in shown
    assert f"https://github.com/o/r/compare/{world.first}...{world.third}" in shown
    assert f"| image | <code>{world.third[:12]}, now {world.first[:12]}</code> |" in shown
    assert "| migration | runs first" in shown
    order = [
        "may be released",
        markdown.escape(comes),
        "prod would release",
        "<code>vpc</code>",
        "<details><summary>Diff",
        "### Commits",
        "### Proof",
    ]
    assert sorted(order, key=shown.index) == order, "what decides is on top"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("ScanNotFoundException", "scanning is off"),
        ("AccessDeniedException", "not known (An error occurred (AccessDeniedException)"),
        ({"imageScanStatus": {"status": "IN_PROGRESS"}}, "the scan is IN_PROGRESS"),
        (scanned(HIGH=1), "1 high"),
    ],
)
def test_what_the_release_will_refuse_for_its_scan_is_a_warning_before_the_approval(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], ecr: Ecr, answer: Any, says: str
) -> None:
    world.add("impl", released(world.first, world.third))
    world.add("prod", released(world.first), promotes_from="impl", **{"easi:refuseFindings": "high"})
    ecr.answer = answer

    assert main(["evidence", "-s", "prod"]) == 0

    said, shown = capsys.readouterr().out, world.summary()
    assert previews.asked == ["prod"]
    assert f"\n  scan      {says}" in said
    assert "\n  warning   the release will be refused: " in said
    assert "⚠️ **the release will be refused: " in shown


def test_whether_the_environment_before_is_healthy_now_is_evidence(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.chain(impl=released(world.first, world.third), prod=released(world.first))
    assert main(["evidence", "-s", "prod"]) == 0
    assert "            now              the environment before is healthy\n" in capsys.readouterr().out
    assert "| now | the environment before is healthy |" in world.summary()

    world.health = Health(problems=("impl has proven it, and is not healthy there now",))
    assert main(["evidence", "-s", "prod"]) == 0
    refused = "the release will be refused: impl has proven it, and is not healthy there now"
    assert f"\n  warning   {refused}\n" in capsys.readouterr().out
    assert f"⚠️ **{refused}**" in world.summary()
    assert previews.asked == ["prod", "prod"]


def test_what_the_environment_before_runs_by_now_is_said(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.chain(impl=released(world.first, world.second, world.third), prod=released(world.first))
    monkeypatch.setenv("RELEASE_VERSION", world.second)

    code = main(["evidence", "-s", "prod"])

    assert code == 0
    assert f"it ran in impl, which runs {world.third[:12]} since {WHEN}" in capsys.readouterr().out
    assert previews.asked == ["prod"]


def test_where_the_gate_refuses_nobody_is_asked_and_nothing_is_previewed(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.chain(impl=released(world.first), prod=released(world.first))

    code = main(["evidence", "-s", "prod"])

    said, shown = capsys.readouterr().out, world.summary()
    assert code == 1
    assert previews.asked == []
    assert said.startswith(f"prod refused {world.third[:12]}: impl has not proven it.\n")
    assert "to prove it there:  pulumi up -s impl" in said
    assert f"<code>{world.third[:12]}</code> cannot be released" in shown
    assert "to prove it there:  pulumi up -s impl" in shown
    assert "### Proof" not in shown


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"failed": True, "errors": ("AWS does not answer\n  to check: aws sts",)}, "AWS does not answer"),
        ({"gate": "dev refused 1111: the site cannot be released"}, "the site cannot be released"),
    ],
)
def test_a_preview_that_failed_or_warns_of_the_gate_stops_the_train(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], more: dict[str, Any], told: str
) -> None:
    world.chain(impl=released(world.third), prod=released(world.first))
    previews.more = more

    code = main(["evidence", "-s", "prod"])

    assert code == 1
    assert told in capsys.readouterr().out
    assert told in world.summary()
    assert "cannot be released" in world.summary()


def test_the_first_release_of_an_environment_has_nothing_to_compare(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.chain(impl=released(world.third), prod=None)

    code = main(["evidence", "-s", "prod"])

    assert code == 0
    assert "commits   the first release here" in capsys.readouterr().out
    assert "| now | nothing was released yet |" in world.summary()
    assert "compare" not in world.summary().replace("compared", "")


def test_the_first_environment_builds_what_nobody_has_proven(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("dev", released(world.first))

    code = main(["evidence", "-s", "dev"])

    assert code == 0
    assert "proof     none yet, dev is the first environment: it builds and proves it" in capsys.readouterr().out


def test_what_ran_there_before_is_its_own_proof(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("impl", released(world.third))
    url(world, "impl", "https://impl.example.gov")
    world.add("prod", released(world.first, world.third), promotes_from="impl")
    monkeypatch.setenv("RELEASE_VERSION", world.first)

    code = main(["evidence", "-s", "prod"])

    said = capsys.readouterr().out
    assert code == 0
    assert "proof     it ran in prod before" in said
    assert "2 no longer run (-)" in said
    assert "https://impl.example.gov" not in said


def test_a_preview_that_cannot_be_made_is_one_message(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("prod", released(world.first), promotes_from="impl")

    def no_answer(*_: Any, **__: Any) -> Preview:
        raise VerbError("pulumi preview was ended")

    world.add("impl", released(world.third))
    monkeypatch.setattr(evidence, "create", no_answer)
    assert main(["evidence", "-s", "prod"]) == 1
    assert capsys.readouterr().err == "python -m ci evidence: pulumi preview was ended\n"
    assert "pulumi preview was ended" in world.summary()


def test_a_reviewer_reads_that_the_version_was_rolled_back(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.chain(impl=released(world.first, world.third), prod=released(world.first, world.third, world.first))

    assert main(["evidence", "-s", "prod"]) == 1
    held = f"prod refused {world.third[:12]}: prod is held since {world.third[:12]} was rolled back {WHEN}"
    assert capsys.readouterr().out.startswith(held)
    assert f"**{held}" in world.summary()

    world.state("prod", "lift")
    monkeypatch.setenv("RELEASE_REASON", "it was the database")
    assert main(["evidence", "-s", "prod"]) == 0

    told = f"prod: {world.third[:12]} was rolled back {WHEN} to {world.first[:12]} by octocat: no reason was given"
    assert capsys.readouterr().out.splitlines()[1] == f"  warning   {told}"
    assert f"⚠️ **{told}**" in world.summary()


def test_a_title_forges_no_commit_and_ends_nothing(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.commit(b"caf\xe9 \xe2\x80\xa8+ 0123456 forged ```\r## [approved](x)")
    newest = world.sha("HEAD")
    world.add("dev", released(world.third))

    assert main(["evidence", "-s", "dev"]) == 0

    line = f"+ {newest[:7]} caf\ufffd \\u2028+ 0123456 forged ```\\u000d## [approved](x)"
    assert f"            {line}\n" in capsys.readouterr().out
    assert f"````diff\n{line}\n````" in world.summary()
