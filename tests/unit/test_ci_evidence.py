"""`python -m ci evidence`: what a reviewer reads before approving; with a role that may read Pulumi's state alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ci import main
from cli import events, evidence, markdown, preview
from cli.errors import VerbError
from cli.events import Change, Preview
from release import session
from tests.unit.environments import World, released, world_in

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


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = world_in(tmp_path, monkeypatch)

    def no_credentials(*_: Any, **__: Any) -> session.Clients:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr(session, "connect", no_credentials)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / ".summary"))
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    return made


def summary(world: World) -> str:
    return (world.folder / ".summary").read_text()


def url(world: World, name: str, address: str) -> None:
    world.stacks[name]["export"]["deployment"]["resources"][0]["outputs"]["url"] = address


def test_the_proof_of_the_environment_before_the_commits_and_what_would_change(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("impl", released(world.first, world.third, manifest=f"sha256:{'7' * 64}"))
    url(world, "impl", "https://impl.example.gov")
    world.add("prod", released(world.first), promotes_from="impl", **{"easi:migrationCommand": ["/m", "up"]})
    world.write()
    comes = f"prod: {world.first[:7]} -> {world.third[:7]}, 2 commits, proven in impl 13:18 UTC"
    danger = Change(name="vpc", type="aws:ec2/vpc:Vpc", because=("cidrBlock",))
    previews.more = {"replaced": (danger,), "headline": comes}

    code = main(["evidence", "-s", "prod", "--save", "previews/prod.json"])

    said, shown = capsys.readouterr().out, summary(world)
    assert code == 0
    assert previews.asked == ["prod"]
    assert said.startswith(
        f"{comes}\n"
        f"prod would release {world.third[:12]}: impl has proven it ({WHEN}).\n"
        f"  commits   2 come (+), compared with {world.first[:12]}\n"
        f"            + {world.third[:7]} the third\n"
    )
    assert "  preview   2 to update\n  proof     it runs in impl\n" in said
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
    saved = preview.load(world.folder / "previews/prod.json")
    assert saved is not None
    assert saved.stack == "prod"
    assert events.from_json(json.loads((world.folder / "previews/prod.json").read_text())) == saved


def test_what_the_environment_before_runs_by_now_is_said(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("impl", released(world.first, world.second, world.third))
    world.add("prod", released(world.first), promotes_from="impl")
    world.write()
    monkeypatch.setenv("EASI_VERSION", world.second)

    code = main(["evidence", "-s", "prod"])

    assert code == 0
    assert f"it ran in impl, which runs {world.third[:12]} since {WHEN}" in capsys.readouterr().out
    assert previews.asked == ["prod"]


def test_where_the_gate_refuses_nobody_is_asked_and_nothing_is_previewed(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("impl", released(world.first))
    world.add("prod", released(world.first), promotes_from="impl")
    world.write()

    code = main(["evidence", "-s", "prod", "--save", "prod.json"])

    said, shown = capsys.readouterr().out, summary(world)
    assert code == 1
    assert previews.asked == []
    assert said.startswith(f"prod refused {world.third[:12]}: impl has not proven it.\n")
    assert "to prove it there:  pulumi up -s impl" in said
    assert f"<code>{world.third[:12]}</code> cannot be released" in shown
    assert "to prove it there:  pulumi up -s impl" in shown
    assert "### Proof" not in shown
    assert not (world.folder / "prod.json").exists()


def test_an_older_version_is_refused_as_in_a_run_that_finishes_late(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("impl", released(world.third))
    world.add("prod", released(world.sha("HEAD")), promotes_from="impl")
    world.write()
    subprocess.run(["git", "-C", world.folder, "checkout", "--quiet", world.second], check=True)
    world.add("impl", released(world.second, world.third))
    world.write()

    code = main(["evidence", "-s", "prod"])

    assert code == 1
    assert f"prod refused {world.second[:12]}: it is older than {world.third[:12]}" in capsys.readouterr().out
    assert previews.asked == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"failed": True, "errors": ("AWS does not answer\n  to check: aws sts",)}, "AWS does not answer"),
        ({"gate": "dev refused 1111: the frontend cannot be released"}, "the frontend cannot be released"),
    ],
)
def test_a_preview_that_failed_or_warns_of_the_gate_stops_the_train(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], more: dict[str, Any], told: str
) -> None:
    world.add("impl", released(world.third))
    world.add("prod", released(world.first), promotes_from="impl")
    world.write()
    previews.more = more

    code = main(["evidence", "-s", "prod", "--save", "prod.json"])

    assert code == 1
    assert told in capsys.readouterr().out
    assert told in summary(world)
    assert "cannot be released" in summary(world)
    assert (world.folder / "prod.json").exists(), "what is known of it is kept"


def test_the_first_release_of_an_environment_has_nothing_to_compare(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("impl", released(world.third))
    world.add("prod", None, promotes_from="impl")
    world.write()

    code = main(["evidence", "-s", "prod"])

    assert code == 0
    assert "commits   the first release here" in capsys.readouterr().out
    assert "| now | nothing was released yet |" in summary(world)
    assert "compare" not in summary(world).replace("compared", "")


def test_the_first_environment_builds_what_nobody_has_proven(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("dev", released(world.first))
    world.write()

    code = main(["evidence", "-s", "dev"])

    assert code == 0
    assert "proof     none yet, dev is the first environment: it builds and proves it" in capsys.readouterr().out


def test_what_ran_there_before_is_its_own_proof(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("impl", released(world.third))
    url(world, "impl", "https://impl.example.gov")
    world.add("prod", released(world.first, world.third), promotes_from="impl")
    world.write()
    monkeypatch.setenv("EASI_VERSION", world.first)

    code = main(["evidence", "-s", "prod"])

    said = capsys.readouterr().out
    assert code == 0
    assert "proof     it ran in prod before" in said
    assert "2 no longer run (-)" in said
    assert "https://impl.example.gov" not in said


def test_a_commit_is_no_markup(world: World, previews: Previews) -> None:
    message = "```</details> @octocat <img src=x>"
    subprocess.run(["git", "-C", world.folder, "commit", "-q", "--allow-empty", "-m", message], check=True)
    world.add("impl", released(world.sha("HEAD")))
    world.add("prod", released(world.first), promotes_from="impl")
    world.write()

    assert main(["evidence", "-s", "prod"]) == 0
    shown = summary(world)
    before, _, _ = shown.partition("@octocat")
    assert before.rpartition("\n\n")[2].startswith("````"), "the fence is longer than what is in it"


def test_errors_are_one_message(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("prod", released(world.first), promotes_from="impl")
    world.write()

    assert main(["evidence", "-s", "prd"]) == 2
    assert "there is no stack prd: did you mean prod?" in capsys.readouterr().err

    def no_answer(*_: Any, **__: Any) -> Preview:
        raise VerbError("pulumi preview was ended")

    world.add("impl", released(world.third))
    world.write()
    monkeypatch.setattr(evidence, "create", no_answer)
    assert main(["evidence", "-s", "prod"]) == 1
    assert capsys.readouterr().err == "python -m ci evidence: pulumi preview was ended\n"
    assert "pulumi preview was ended" in summary(world)


def test_a_reviewer_reads_that_the_version_was_rolled_back(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("impl", released(world.first, world.third))
    world.add("prod", released(world.first, world.third, world.first), promotes_from="impl")
    world.write()

    assert main(["evidence", "-s", "prod"]) == 0

    told = f"prod: {world.third[:12]} was rolled back {WHEN} to {world.first[:12]} by octocat: no reason was given"
    assert capsys.readouterr().out.splitlines()[1] == f"  warning   {told}"
    assert f"⚠️ **{told}**" in summary(world)


def test_a_title_forges_no_commit_and_ends_nothing(
    world: World, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    world.commit(b"caf\xe9 \xe2\x80\xa8+ 0123456 forged ```\r## [approved](x)")
    newest = world.sha("HEAD")
    world.add("dev", released(world.third))
    world.write()

    assert main(["evidence", "-s", "dev"]) == 0

    line = f"+ {newest[:7]} caf\ufffd \\u2028+ 0123456 forged ```\\u000d## [approved](x)"
    assert f"            {line}\n" in capsys.readouterr().out
    assert f"````diff\n{line}\n````" in summary(world)
