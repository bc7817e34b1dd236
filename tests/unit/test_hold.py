"""`python -m release hold` and `reject`: what people state, who may not, and where it is shown afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli import reject
from cli.environment import Environment, read_environment
from release import session, statements
from release.__main__ import main
from release.stack import StackError
from tests.json_schema import check
from tests.unit.environments import World, released
from tests.unit.fake_s3 import refusal

HOLD = ("hold", "-s", "prod", "--reason", "an audit")
LIFT = ("hold", "-s", "prod", "--lift", "--reason", "it ended")


@pytest.fixture
def world(world: World) -> World:
    """Dev, impl and prod have proven two versions, the second one at last."""
    release = released(world.first, world.second)
    world.chain(dev=release, impl=release, prod=release)
    return world


def stated(world: World, name: str) -> list[tuple[str, str, str | None]]:
    return [(one.kind, one.reason, one.version) for one in statements.read(world.s3, f"records-{name}")]


def test_a_hold_is_stated_shown_and_lifted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(list(HOLD)) == 0
    said = capsys.readouterr().out
    assert said.startswith("prod is held since ")
    assert said.endswith(": an audit\n  to end it:  python -m release hold -s prod --lift --reason 'why'\n")
    assert stated(world, "prod") == [("hold", "an audit", None)]
    assert stated(world, "dev") == []

    main(["explain", "-s", "prod"])
    assert capsys.readouterr().out.startswith(f"no: prod refused {world.third[:12]}: prod is held since ")
    assert main(["history", "-s", "prod"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any(" hold " in row and " stated " in row for row in rows)
    assert "      reason    an audit" in rows

    assert main(list(LIFT)) == 0
    said = capsys.readouterr().out
    assert said.startswith("prod was held since ")
    assert said.endswith(": an audit, and is not any more: releases are let through\n")
    assert stated(world, "prod") == [("lift", "it ended", None), ("hold", "an audit", None)]
    assert main(["history", "-s", "prod", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    check("history", said)
    assert [one["kind"] for one in said["statements"]] == ["lift", "hold"]


def test_the_hold_of_a_roll_back_is_lifted_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released(world.first, world.second, world.first), promotes_from="impl")
    assert main(list(LIFT)) == 0
    assert f"prod was held since {world.second[:12]} was rolled back" in capsys.readouterr().out


def test_of_several_holds_one_is_lifted_by_its_id_and_the_others_stay(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("prod", released(world.first, world.second, world.first), promotes_from="impl")
    assert main(list(HOLD)) == 0
    said = capsys.readouterr().out
    assert ": an audit\n  to end it:  python -m release hold -s prod --lift " in said
    assert f"prod is held since {world.second[:12]} was rolled back" in said, "that stands, too"

    assert main(list(LIFT)) == 1
    refused = capsys.readouterr().err
    assert "prod is held more than once: say which hold ends. There are:\n  held since " in refused
    (audit,) = (one.id for one in statements.read(world.s3, "records-prod"))
    assert f"python -m release hold -s prod --lift {audit} --reason 'why'" in refused
    assert main(["hold", "-s", "prod", "--lift", "e" * 8, "--reason", "x"]) == 1
    assert "prod has no hold 'eeeeeeee', or several" in capsys.readouterr().err
    assert len(stated(world, "prod")) == 1

    assert main(["hold", "-s", "prod", "--lift", audit[:8], "--reason", "it ended"]) == 0
    said = capsys.readouterr().out
    assert ": an audit, and is not any more\n" in said
    assert f"prod is held since {world.second[:12]} was rolled back" in said
    assert main(list(LIFT)) == 0
    assert capsys.readouterr().out.endswith("and is not any more: releases are let through\n")


def test_a_stack_that_cannot_be_read_keeps_no_other_from_rejecting(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:

    def damaged(name: str) -> Environment:
        if name == "dev":
            raise StackError("the state of dev is damaged")
        return read_environment(name)

    monkeypatch.setattr(reject, "read_environment", damaged)
    assert main(["reject", "-s", "impl", world.first, "--reason", "x"]) == 1
    assert [len(stated(world, name)) for name in ("dev", "impl", "prod")] == [0, 1, 1]
    said = capsys.readouterr().err
    assert said == f"dev: {world.first[:12]} is not rejected here, if it comes after: the state of dev is damaged\n"
    assert main(["reject", "-s", "dev", world.first, "--reason", "x"]) == 1
    assert "the state of dev is damaged" in capsys.readouterr().err


def test_what_is_not_held_is_not_lifted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(list(LIFT)) == 1
    assert capsys.readouterr().err == (
        "python -m release hold: prod is not held: there is nothing to lift. To see it:  "
        "python -m release status -s prod\n"
    )
    assert stated(world, "prod") == []


def test_an_explained_roll_back_says_what_is_held(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    main(list(HOLD))
    capsys.readouterr()
    main(["explain", "-s", "prod", world.first, "--json"])
    said = json.loads(capsys.readouterr().out)
    check("explain", said)
    assert (said["accepted"], said["kind"], said["hold"]["reason"]) == (True, "roll back", "an audit")
    main(["explain", "-s", "prod", world.first])
    assert "  warning   prod is held since " in capsys.readouterr().out


def test_an_explained_revert_says_that_it_ends_the_hold(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("dev", released(world.first, world.second, world.first))
    assert main(["explain", "-s", "dev"]) == 1
    assert f"dev is held since {world.second[:12]} was rolled back" in capsys.readouterr().out
    world.commit(f"Revert it\n\nThis reverts commit {world.second}.".encode())
    assert main(["explain", "-s", "dev"]) == 0
    said = capsys.readouterr().out
    assert f"  warning   dev is held since {world.second[:12]} was rolled back" in said
    assert "; this version does not bring that back, so its release ends the hold\n" in said


def test_a_version_is_rejected_in_the_first_environment_and_in_all_after_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reject", world.second[:8], "--reason", "it loses orders"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: {world.second[:12]} is rejected, and runs. To go back:  python -m release history -s {name}"
        for name in ("dev", "impl", "prod")
    ]
    for name in ("dev", "impl", "prod"):
        assert stated(world, name) == [("reject", "it loses orders", world.second)]


def test_a_version_is_rejected_from_an_environment_on(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("later", None, promotes_from="prod")
    assert main(["reject", "-s", "impl", world.first, "--reason", "it loses orders"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"impl: {world.first[:12]} is rejected",
        f"prod: {world.first[:12]} is rejected",
        "later: nothing was ever released there; it refuses what is rejected before it",
    ]
    assert stated(world, "dev") == []
    main(["explain", "-s", "prod", world.first])
    assert f"no: prod refused {world.first[:12]}: it is rejected in prod since" in capsys.readouterr().out


def test_where_a_rejection_cannot_be_kept_it_is_said_and_the_others_keep_it(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = world.s3.put_object

    def refuse(**arguments: Any) -> Any:
        if arguments["Bucket"] == "records-impl":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
        return put(**arguments)

    monkeypatch.setattr(world.s3, "put_object", refuse)
    assert main(["reject", world.first, "--reason", "it loses orders"]) == 1
    said = capsys.readouterr()
    assert said.err == f"impl: {world.first[:12]} is not rejected here: AWS refused PutObject: AccessDenied: no\n"
    assert [len(stated(world, name)) for name in ("dev", "impl", "prod")] == [1, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["hold", "-s", "prd", "--reason", "x"], 2, "there is no stack prd: did you mean prod?"),
        (["hold", "-s", "prod"], 2, "the following arguments are required: --reason"),
        (["hold", "-s", "prod", "--reason", " "], 2, "argument --reason: it is empty: say why, for whoever is refused"),
        (["hold", "--reason", "x"], 2, "the following arguments are required: -s/--stack"),
        (["hold", "-s", "new", "--reason", "x"], 1, "nothing was ever released to new."),
        (["reject", "e" * 40, "--reason", "x"], 2, f"'{'e' * 40}' was proven in no environment."),
        (
            ["reject", "main", "--reason", "x"],
            2,
            "'main' was proven in no environment. What was:  python -m release history",
        ),
        (["reject", "FIRST"], 2, "the following arguments are required: --reason"),
        (["reject", "--reason", "x"], 2, "the following arguments are required: SHA"),
        (
            ["reject", "-s", "prd", "FIRST", "--reason", "x"],
            2,
            "there is no stack prd. There are: dev, impl, prod, new",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_states_nothing(
    world: World, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    world.add("new", None, promotes_from="prod")
    try:
        ended = main([world.first if word == "FIRST" else word for word in arguments])
    except SystemExit as exit_:
        ended = int(exit_.code or 0)
    said = capsys.readouterr().err
    assert ended == code
    assert says in said
    assert "Traceback" not in said
    assert [stated(world, name) for name in ("dev", "impl", "prod")] == [[], [], []]


def test_two_first_environments_have_to_be_told_apart(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("other", released(world.first))
    assert main(["reject", world.first, "--reason", "x"]) == 2
    assert "which environment is the first is not known: name one with -s" in capsys.readouterr().err
    assert stated(world, "dev") == []


def test_a_role_that_may_not_read_statements_is_told_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The decision is that of who releases: who asks may be allowed to read less."""

    def refuse(operation: str, _key: str) -> None:
        if operation == "list":
            raise refusal("AccessDenied", "ListObjectsV2")

    world.state("prod", "hold")
    world.s3.before = refuse
    main(["explain", "-s", "prod", world.first])
    said = capsys.readouterr().out
    assert said.startswith("yes: ")
    assert (
        "  warning   what is held and rejected is not known to who asks: the statements of prod cannot be read" in said
    )


def test_the_wrong_account_is_refused(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any, **__: Any) -> Any:
        raise session.WrongAccountError("these credentials are of account 2")

    monkeypatch.setattr(session, "connect", connect)
    assert main(list(HOLD)) == 1
    assert "these credentials are of account 2" in capsys.readouterr().err
