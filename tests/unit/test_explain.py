"""`python -m release explain`: the gate's own decision, what would change, and what is said when that is not known."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from release import session
from release.__main__ import main
from release.environment_before import Health
from release.promotion import Refused, Request, decide
from tests.unit.environments import MIGRATION, SITE, World, build, released

WHEN = "2026-01-02 03:04:05 UTC"


def test_a_version_that_the_environment_before_has_proven_with_all_that_would_change(
    world: World,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = world.keep("prod", build(world.first, index_html="old", gone_js="1", same_css="1"))
    after = world.keep("impl", build(world.third, index_html="new", new_js="1", same_css="1"))
    world.add("impl", released(world.third, manifest=after))
    world.add(
        "prod",
        released(world.first, manifest=before),
        promotes_from="impl",
        **{MIGRATION: ["/m", "up"]},
    )

    code = main(["explain", "-s", "prod"])

    said = capsys.readouterr().out.splitlines()
    assert code == 0
    assert said[0] == (f"yes: prod would release {world.third[:12]}: impl has proven it (2026-01-02 03:04:05 UTC).")
    assert said[1:] == [
        "  before    the environment before is healthy",
        f"  now       {world.first[:12]}, proven 2026-01-02 03:04:05 UTC",
        f"  commits   2 come (+), compared with {world.first[:12]}",
        f"            + {world.third[:7]} the third",
        f"            + {world.second[:7]} the second",
        f"  image     {world.third[:12]}, copied from impl; now {world.first[:12]}",
        "  static    1 added, 1 changed, 1 removed; 3 files",
        "            + new.js",
        "            ~ index.html",
        "            - gone.js",
        '  migration runs first, as a task of the new image: ["/m", "up"]',
        "  settings  not compared here:  pulumi preview -s prod",
        "to release it:  pulumi up -s prod",
    ]


def test_what_the_environment_before_answers_now_is_asked_and_what_it_ran_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("impl", released(world.first, world.third))
    world.add("prod", released(world.first), promotes_from="impl", **{"easi:soakMinutes": "60"})
    world.health = Health(problems=("impl has proven it, and is not healthy there now",))

    assert main(["explain", "-s", "prod"]) == 0

    said = capsys.readouterr().out
    assert "\n  warning   the release will be refused: impl has proven it, and is not healthy there now\n" in said
    assert re.search(r"\n  before    it ran there for \d+ min, and soakMinutes demands 60\n", said)


def test_of_what_ran_here_the_environment_before_is_not_asked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("impl", released(world.first, world.third))
    world.add("prod", released(world.first, world.third), promotes_from="impl", **{"easi:soakMinutes": "43200"})

    assert main(["explain", "-s", "prod", world.first]) == 0

    assert "  before" not in capsys.readouterr().out


def test_a_version_that_is_too_new_in_the_environment_before_is_refused(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    just_now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.add("impl", released(world.third, verified_at=just_now))
    world.add("prod", released(world.first), promotes_from="impl", **{"easi:soakMinutes": "60"})

    assert main(["explain", "-s", "prod"]) == 1
    assert "it runs in impl for 0 min, and soakMinutes demands 60." in capsys.readouterr().out

    world.add("prod", released(world.first), promotes_from="impl", **{"easi:soakMinutes": "an hour"})
    assert main(["explain", "-s", "prod"]) == 1
    assert "easi:soakMinutes is 'an hour': expected minutes, 0 or more" in capsys.readouterr().err


def test_a_refusal_is_the_gates_own(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    impl, prod = released(world.first), released(world.first)
    world.chain(impl=impl, prod=prod)

    code = main(["explain", "-s", "prod"])

    said = capsys.readouterr().out
    request = Request(environment="prod", version=world.third, explicit=False)
    gate = decide(
        request, upstream_name="impl", upstream=impl, here=prod, is_ancestor=lambda _old, _new: False, branch=None
    )
    assert isinstance(gate, Refused)
    assert code == 1
    assert said.startswith(f"no: {gate.message}\n")
    assert "2 come (+)" in said
    assert "image" not in said, "nothing would be copied"


@pytest.mark.parametrize("first_release", [True, False])
def test_a_domain_that_nothing_points_at_refuses_a_first_release_alone(
    world: World, capsys: pytest.CaptureFixture[str], first_release: bool
) -> None:
    files = world.keep("impl", build(world.third, index_html="new"))
    world.add("impl", released(world.third, manifest=files))
    here = None if first_release else released(world.first, manifest=world.keep("prod", build(world.first)))
    world.add("prod", here, promotes_from="impl", **{SITE + "domain": "easi.example.gov"})
    code = main(["explain", "-s", "prod"])
    said = capsys.readouterr().out
    assert (code == 1) is first_release
    assert said.startswith("no: the first release of prod would be proven at easi.example.gov") is first_release
    assert ("pulumi config set -s prod --path easi:sites.site.connectTo '{distribution}'" in said) is first_release

    world.add(
        "prod",
        None,
        promotes_from="impl",
        **{SITE + "domain": "a.gov", SITE + "connectTo": "{distribution}"},
    )
    assert main(["explain", "-s", "prod"]) == 0


def test_going_back_needs_no_build_no_copy_and_no_migration(
    world: World,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = world.keep("prod", build(world.first, index_html="old"))
    world.add("impl", None)
    world.add(
        "prod",
        released(world.first, world.third, manifest=files),
        promotes_from="impl",
        **{MIGRATION: ["/m"]},
    )

    code = main(["explain", "-s", "prod", world.first[:7], "--json"])

    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["version"] == world.first
    assert said["toDo"] == f"RELEASE_VERSION={world.first} pulumi up -s prod"
    assert said["changes"]["commits"]["go"]["count"] == 2
    assert (said["source"], said["kind"]) == ("present", "roll back")
    assert said["changes"]["migrations"] == {"backend": {"command": ["/m"], "runs": False}}


def test_the_first_environment_compares_the_build_that_is_there(
    world: World,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dist = world.folder / "frontend" / "dist"
    dist.mkdir(parents=True)
    (dist / "index.html").write_text("page")
    (dist / "version.json").write_text(json.dumps({"version": world.second}))
    world.add("dev", released(world.second, manifest=world.keep("dev", build(world.second, index_html="old"))))
    world.selected = "dev"
    world.write()

    assert main(["explain"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"yes: dev would build and release {world.third[:12]}, the commit of this working tree.\n")
    assert f"not compared: {dist} was built from {world.second}, and {world.third} is to be released; " in said
    assert "to build it:  python -m release build\n" in said

    (dist / "version.json").write_text(json.dumps({"version": world.third}))
    assert main(["explain"]) == 0
    assert "1 added, 1 changed, 0 removed; 2 files" in capsys.readouterr().out


def test_what_is_in_no_commit_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.folder / "backend" / "debug_local.go").write_text("package main\n")
    world.add("dev", released(world.third))
    world.selected = "dev"
    world.write()

    assert main(["explain"]) == 0
    said = capsys.readouterr().out.splitlines()
    dirty = said[0].split()[6].removesuffix(":")
    assert dirty.startswith(f"{world.third[:12]}-dirty-")
    assert said[:2] == [
        f"yes: dev would build and release {dirty}: the commit of this working tree with changes that are in no "
        "commit. No other environment may run it.",
        "  changed   backend/debug_local.go",
    ]
    assert f"  commits   changes that are in no commit come (+), compared with {world.third[:12]}" in said

    world.chain(dev=released(world.second, f"{world.third}-dirty-0123456789ab"), impl=released(world.second))
    assert main(["explain", "-s", "impl"]) == 1
    assert f"dev has not proven it, only {world.third[:12]}-dirty-0123, which was" in capsys.readouterr().out
    assert main(["explain", "-s", "impl", f"{world.third[:7]}-dirty"]) == 1
    assert "it was built from changes that are in no commit" in capsys.readouterr().out
    (world.folder / "backend" / "debug_local.go").unlink()
    assert main(["explain", "-s", "dev"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"yes: dev would build and release {world.third[:12]}, the commit of this working tree."
    assert "no commit no longer run (-), compared with" in "".join(said)


def test_the_first_release_of_an_environment_brings_everything(
    world: World,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world.add("impl", released(world.third, manifest=world.keep("impl", build(world.third, index_html="1", a_js="2"))))
    world.add("prod", None, promotes_from="impl")

    assert main(["explain", "-s", "prod"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  before    the environment before is healthy",
        "  commits   the first release here",
        f"  image     {world.third[:12]}, copied from impl",
        "  static    2 added, 0 changed, 0 removed; 2 files",
        "            + a.js",
        "            + index.html",
        "  settings  not compared here:  pulumi preview -s prod",
        "to release it:  pulumi up -s prod",
    ]

    world.add("impl", None)
    world.stacks.pop("impl")
    world.write()
    assert main(["explain", "-s", "prod"]) == 1
    assert "compared   proven by impl: nothing yet" in capsys.readouterr().out


def test_without_credentials_the_decision_comes_all_the_same(
    world: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connect(*_: object, **__: object) -> None:
        raise session.WrongAccountError("sign in, or set AWS_PROFILE")

    monkeypatch.setattr(session, "connect", connect)
    world.chain(impl=released(world.third), prod=released(world.second))

    assert main(["explain", "-s", "prod"]) == 0
    assert "  static    not compared: sign in, or set AWS_PROFILE\n" in capsys.readouterr().out


def test_a_commit_that_this_clone_lacks_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.chain(impl=released("e" * 40), prod=released(world.second))

    assert main(["explain", "-s", "prod", "e" * 40]) == 1
    said = capsys.readouterr().out
    assert "no: prod refused eeeeeeeeeeee: this clone cannot say whether it is older than" in said
    assert f"to know it:  git fetch origin {'e' * 40}\n" in said
    assert "commits   not known: this clone lacks" in said


@pytest.mark.parametrize(
    ("arguments", "failure", "code", "says"),
    [
        (["-s", "prd"], "", 2, "there is no stack prd: did you mean prod? There are: impl, prod"),
        ([], "", 2, "which environment? Name it with -s. There are: impl, prod"),
        (["-s", "prod", "0000"], "", 2, "'0000' is no full Git SHA"),
        (["-s", "prod", "master-of-nothing"], "", 2, "'master-of-nothing' is no full Git SHA"),
        (["-s", "prod", "aaaa"], "", 2, "aaaa is short for 2 versions that ran. Name one: aaaaaa"),
        (["-s", "prod"], "PULUMI_ACCESS_TOKEN must be set for login", 1, "`pulumi login`"),
        (["-s", "prod"], "passphrase must be set with PULUMI_CONFIG_PASSPHRASE", 1, "Set PULUMI_CONFIG_PASSPHRASE"),
    ],
)
def test_what_is_missing_is_one_message(
    world: World,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    failure: str,
    code: int,
    says: str,
) -> None:
    world.chain(impl=released("a" * 39 + "1", "a" * 39 + "2"), prod=released(world.second))
    world.failure = failure
    world.write()

    assert main(["explain", *arguments]) == code

    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert shown.err.startswith("python -m release explain: ")


def test_no_pulumi_is_one_message(
    world: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert main(["explain", "-s", "prod"]) == 1
    assert "there is no `pulumi` on the PATH" in capsys.readouterr().err


def test_an_earlier_programs_state_is_said_to_be_one(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released(world.second))
    for resource in world.stacks["prod"]["export"]["deployment"]["resources"]:
        resource.get("inputs", {}).pop("site", None)
    world.write()

    assert main(["verify", "-s", "prod"]) == 1
    assert "was released by another version of this program (KeyError: 'site')" in capsys.readouterr().err


def test_of_the_version_that_runs_nothing_would_be_released(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.chain(dev=released(world.second, world.third), prod=released(world.first, world.third))

    for environment in ("prod", "dev"):
        assert main(["explain", "-s", environment]) == 0
        said = capsys.readouterr().out
        assert said.startswith(f"yes: {environment} runs {world.third[:12]} already"), said
        assert "would release" not in said


def test_what_was_rolled_back_and_comes_again_is_said(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the environment itself and the one before, and for a version that contains it."""
    world.state("prod", "lift")
    monkeypatch.setenv("RELEASE_REASON", "it was the database")
    world.add("impl", released(world.first, world.second, world.first))
    world.add("prod", released(world.first, world.second, world.first), promotes_from="impl")

    assert main(["explain", "-s", "prod", world.second]) == 0
    said = capsys.readouterr().out.splitlines()
    rolled_back = f"rolled back {WHEN} to {world.first[:12]} by octocat: no reason was given"
    assert said[1:3] == [
        f"  warning   prod: {world.second[:12]} was {rolled_back}",
        f"  warning   impl: {world.second[:12]} was {rolled_back}",
    ]

    world.add("impl", released(world.first, world.second, world.third))
    assert main(["explain", "-s", "prod", "--json"]) == 0
    (contained,) = json.loads(capsys.readouterr().out)["rolledBack"]
    assert contained == {
        "environment": "prod",
        "version": world.second,
        "contained": True,
        "rollBack": {
            "at": "2026-01-02T03:04:05Z",
            "to": world.first,
            "attempt": f"id-{world.first[0]}",
            "who": "octocat",
            "reason": None,
        },
    }


SEPARATORS = "\r\v\f\x1c\x85\u2028\u2029"


def test_a_title_is_one_commit_whatever_is_in_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    titles = [f"fix{each}0123456 forged\x1b[2J".encode() for each in SEPARATORS] + [b"caf\xe9 \xe2\x80\xae##[error]x"]
    for title in titles:
        world.commit(title)
    world.add("prod", released(world.third))

    assert main(["explain", "-s", "prod"]) == 0

    said = capsys.readouterr().out.split("\n")
    shown = [line.strip()[10:] for line in said if line.startswith(" " * 12 + "+ ")]
    assert shown == [
        "caf\ufffd \\u202e##\\u005berror]x",
        *(f"fix\\u{ord(each):04x}0123456 forged" for each in reversed(SEPARATORS)),
    ]
    assert main(["explain", "-s", "prod", "--json"]) == 0
    newest = json.loads(capsys.readouterr().out)["changes"]["commits"]["come"]["newest"]
    assert [each["subject"] for each in newest[:2]] == ["caf\ufffd \u202e##[error]x", "fix\u20290123456 forged\x1b[2J"]


def test_commits_that_are_not_shown_are_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        world.commit(f"number {number}\u2028and more".encode())
    world.add("prod", released(world.third))

    assert main(["explain", "-s", "prod"]) == 0

    said = capsys.readouterr().out.split("\n")
    assert "            + … and 2 more" in said
    assert sum(" number " in line for line in said) == 10
