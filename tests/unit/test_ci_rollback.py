"""`python -m ci rollback`: what may come back, and with which settings; and `checkout`, which `deployed` uses, too."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ci import main
from cli import checkout, rollback
from cli.errors import UsageError, VerbError
from cli.past_settings import PastSettings
from tests.unit.attempts import entry
from tests.unit.environments import World, released
from tests.unit.fake_s3 import refusal
from tests.unit.one_of_each import backend

ROLLED_BACK = "rolled back 2026-01-02 03:04:05 UTC to 111111111111 by octocat: no reason was given"


def test_a_version_that_ran_is_brought_back_with_the_settings_in_force(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("prod", released(world.first, world.second))

    code = main(["rollback", "-s", "prod", "--version", world.first[:7]])

    said = capsys.readouterr().out
    assert code == 0
    assert world.sha("HEAD") == world.second, "the settings stay those of what runs; main's are not applied"
    assert world.outputs() == {"version": world.first, "refresh": ""}
    assert said.startswith(
        f"prod goes back from {world.second[:12]} to {world.first}, proven 2026-01-02 03:03:05 UTC\n"
    )
    assert f"RELEASE_VERSION={world.first} pulumi up -s prod" in said


def test_a_rejected_version_is_refused_with_the_others_that_there_are(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The workflow always has a reason, with which the gate would let it through."""
    world.chain(prod=released(world.first, world.second, world.third))
    world.state("prod", "reject", world.first)
    assert main(["rollback", "-s", "prod", "--version", world.first]) == 1
    said = capsys.readouterr().err
    assert f"prod refused {world.first[:12]}: it is rejected since 2026-01-02 04:00:00 UTC by ana: an audit\n" in said
    assert f"  to go back to:\n    {world.second[:12]}" in said
    assert f"RELEASE_REASON='why' RELEASE_VERSION={world.first} pulumi up -s prod" in said
    assert main(["rollback", "-s", "prod", "--version", world.second]) == 0


def test_statements_that_cannot_be_read_do_not_close_the_way_back(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.chain(prod=released(world.first, world.second))

    def refuse(operation: str, _key: str) -> None:
        if operation == "list":
            raise refusal("AccessDenied", "ListObjectsV2")

    world.s3.before = refuse
    assert main(["rollback", "-s", "prod", "--version", world.first]) == 0
    assert f"  warning   whether {world.first[:12]} is rejected is not known: AWS refused" in capsys.readouterr().out


def test_the_settings_in_force_are_those_of_the_last_update_that_succeeded(world: World) -> None:
    world.add("prod", released(world.second, world.first))
    failed, went_back = entry(world.third, result="failed"), entry(world.second)
    world.stacks["prod"]["history"] = [entry(world.third, kind="refresh"), failed, went_back, entry(world.first)]
    world.write()

    code = main(["rollback", "-s", "prod", "--version", world.second])

    assert code == 0
    assert world.sha("HEAD") == world.second


def test_a_commit_that_the_clone_lacks_is_passed_over_for_the_versions_own(world: World) -> None:
    world.add("prod", released(world.first, world.second))
    world.stacks["prod"]["history"] = [entry("e" * 40)]
    world.write()

    assert main(["rollback", "-s", "prod", "--version", world.first]) == 0
    assert world.sha("HEAD") == world.second


def test_what_was_built_from_uncommitted_changes_can_come_back_where_it_was_built(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    dirty = f"{world.first}-dirty-0123456789ab"
    world.add("dev", released(world.first, dirty, world.second))

    assert main(["rollback", "-s", "dev", "--version", f"{world.first[:12]}-dirty-0123"]) == 0
    assert world.outputs() == {"version": dirty, "refresh": ""}
    assert f"RELEASE_VERSION={dirty} pulumi up -s dev" in capsys.readouterr().out
    assert rollback.choose("dev", world.first[:7], released(world.first, dirty)).version == world.first, "of the commit"
    world.add("dev", released(world.second, dirty))
    assert main(["rollback", "-s", "dev", "--version", dirty]) == 0
    assert world.sha("HEAD") == world.first, "the settings are those of the commit"


def test_a_shallow_clone_does_not_guess_which_settings_are_in_force(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("prod", released(world.first, world.third))
    world.stacks["prod"]["history"] = [entry("e" * 40)]
    (world.folder / ".git" / "shallow").write_text(f"{world.third}\n")
    world.write()

    assert main(["rollback", "-s", "prod", "--version", world.first]) == 1
    said = capsys.readouterr().err
    assert f"this clone is shallow and lacks {'e' * 40}, whose settings may be in force in prod" in said
    assert "git fetch --unshallow" in said
    assert world.sha("HEAD") == world.third


def test_what_is_proven_already_may_be_brought_back_and_is_refreshed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("prod", released(world.first, world.second))

    code = main(["rollback", "-s", "prod", "--version", world.second.upper()])

    assert code == 0
    assert world.outputs() == {"version": world.second, "refresh": "--refresh"}
    assert "pulumi up --refresh -s prod" in capsys.readouterr().out


def test_that_a_version_was_itself_rolled_back_is_said() -> None:
    release = released("1" * 40, "2" * 40, "1" * 40)
    lines = rollback.lines("prod", rollback.choose("prod", "2222", release), release, PastSettings(commit="1" * 40), {})
    assert lines[1] == f"  note      it was {ROLLED_BACK}"
    # The gate refuses what was rolled back, without a reason.
    assert lines[-2] == f"  next      RELEASE_REASON='why' RELEASE_VERSION={'2' * 40} pulumi up -s prod"


def test_what_a_rollback_holds_is_said() -> None:
    release = released("1" * 40, "2" * 40)
    lines = rollback.lines("prod", rollback.choose("prod", "1111", release), release, PastSettings(commit="1" * 40), {})
    assert lines[-2] == f"  next      RELEASE_VERSION={'1' * 40} pulumi up -s prod"
    assert lines[-1] == "  after it  prod is held until a release reverts what came with 222222222222"


def test_what_is_rejected_is_no_advice() -> None:
    release = released("1" * 40, "2" * 40, "3" * 40)
    assert rollback.advice("prod", release, {"2" * 40})[1:] == [
        f"  RELEASE_VERSION={'1' * 40} pulumi up -s prod",
        "not to:",
        f"  {'2' * 40}  rejected",
    ]
    assert rollback.advice("prod", release, {"1" * 40, "2" * 40})[0] == "prod keeps no version to go back to"


@pytest.mark.parametrize(
    ("version", "code", "told"),
    [
        ("f" * 40, 1, "prod refused ffffffffffff: it is not among the versions that prod has proven and kept."),
        ("dead", 1, "prod refused dead: it is not among the versions"),
        ("abc", 2, "'abc' is no version: expected a Git SHA, full or its first 4 characters or more."),
        ("main", 2, "'main' is no version"),
        ("", 2, "'' is no version"),
        ("--help-me", 2, ""),
    ],
)
def test_anything_else_is_refused_with_the_list_of_what_ran(
    world: World, capsys: pytest.CaptureFixture[str], version: str, code: int, told: str
) -> None:
    world.add("prod", released("1" * 40, "2" * 40, "1" * 40))

    try:
        ended = main(["rollback", "-s", "prod", f"--version={version}"])
    except SystemExit as error:  # argparse's own
        ended = int(str(error.code))

    said = capsys.readouterr().err
    assert ended == code
    assert told in said
    assert f"{'1' * 40}  proven 2026-01-02 03:04:05 UTC, runs now" in said
    assert said.count("1" * 40) == 1, "each version once"
    assert f"{'2' * 40}  {ROLLED_BACK}\n" in said
    assert world.sha("HEAD") == world.third, "nothing was checked out"
    assert not (world.folder / ".output").exists()
    if told:
        shown = world.summary()
        assert shown.startswith("## prod: nothing was done\n"), "the run's page is what people see first"
        assert "runs now" in shown


def test_a_short_version_that_two_have_is_refused_with_both() -> None:
    release = released("abcd" + "1" * 36, "abcd" + "2" * 36)

    with pytest.raises(
        UsageError, match=r"abcd is short for 2 versions that ran in prod. Name one: abcd1{36}, abcd2{36}"
    ):
        rollback.choose("prod", "abcd", release)
    assert rollback.choose("prod", " ABCD1\n", release).version == "abcd" + "1" * 36


def test_the_newest_proof_of_a_version_counts() -> None:
    release = released("1" * 40, "2" * 40, "1" * 40)

    assert backend(rollback.choose("prod", "1111", release)).task_definition.endswith("easi:3")


def test_where_nothing_was_proven_there_is_nothing_to_go_back_to(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("prod", None)

    code = main(["rollback", "-s", "prod", "--version", world.first])

    assert code == 1
    assert "prod has proven nothing yet: there is no version to go back to." in capsys.readouterr().err


def test_a_tree_with_changes_is_left_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.folder / "settings.yaml").write_text("a: 1")
    subprocess.run(["git", "-C", world.folder, "add", "settings.yaml"], check=True)
    world.add("prod", released(world.first, world.second))

    code = main(["rollback", "-s", "prod", "--version", world.first])

    assert code == 1
    assert "the working tree has changes" in capsys.readouterr().err
    assert world.sha("HEAD") == world.third


def test_a_clone_without_the_commit_says_how_to_get_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released("1" * 40, "2" * 40))

    code = main(["rollback", "-s", "prod", "--version", "1" * 40])

    said = capsys.readouterr().err
    assert code == 1
    assert f"this clone has no commit {'2' * 40}: whose settings are in force in prod" in said
    assert "fetch-depth: 0" in said


def test_a_file_in_the_way_is_gits_message(tmp_path: Path, world: World) -> None:
    (world.folder / "new.txt").write_text("one")
    for command in (["add", "new.txt"], ["commit", "-qm", "a file"]):
        subprocess.run(["git", "-C", world.folder, *command], check=True)
    there = world.sha("HEAD")
    subprocess.run(["git", "-C", world.folder, "checkout", "--quiet", world.first], check=True)
    (world.folder / "new.txt").write_text("mine")

    with pytest.raises(VerbError, match=r"(?s)that runs, cannot be checked out:\n  error: .*new\.txt"):
        checkout.check_out(world.folder, there, why="that runs")
    assert (world.folder / "new.txt").read_text() == "mine"
