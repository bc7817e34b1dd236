"""An answer counts only if it is by a task of the release, where the backend says by which it is."""

from __future__ import annotations

from typing import Any

import pytest

from release import deploy_function, tasks
from release.deploy_function import FunctionFailed
from release.health_answer import AnswerForm
from release.healthcheck import Disproven, NotProven, Proof, disprove, prove
from release.tasks import NotKnownError, Tasks
from release.version import short
from tests.unit.function_double import Answer, Clock, Function, raised
from tests.unit.rollout_world import NEW, OLD, status
from tests.unit.servers import JSON, VERSION, Served, body, serving
from tests.unit.test_healthcheck import OTHER, check

HERE, LATER, STRANGE = "158d1c8083dd49d6b527399fd6414f5c", "2" * 32, "3" * 32
NO_TASK = "which task answered is not known: the health check sends no header X-Task-Id"


def by(task: str) -> Served:
    return Served(headers=JSON | {"X-Task-Id": task})


def only(*ids: str, now: tuple[str, ...] | Exception = ()) -> Tasks:
    """The tasks that are known, and those that run when somebody asks."""

    def look_up() -> frozenset[str]:
        if isinstance(now, Exception):
            raise now
        return frozenset(now)

    return Tasks(ids=frozenset(ids), look_up=look_up)


def proven(ours: Tasks | None, *answers: Served) -> tuple[Proof, list[str]]:
    said: list[str] = []
    with serving(*answers) as server:
        return prove(check(server.url, deadline_s=5), said.append, ours), said


def missed(ours: Tasks, *answers: Served) -> str:
    with serving(*answers) as server, pytest.raises(NotProven) as caught:
        prove(check(server.url), print, ours)
    return str(caught.value)


def test_answers_of_tasks_of_the_release_prove_it() -> None:
    proof, said = proven(only(HERE, LATER), by(HERE), by(LATER), by(HERE))
    assert proof.tasks == (HERE, LATER)
    assert said == [f"{number} of 3 passes by {short(VERSION)}" for number in (1, 2, 3)]


def test_the_right_version_of_another_task_is_a_miss() -> None:
    assert f"answered by task {STRANGE}, which is not of this release" in missed(only(HERE), by(STRANGE))


def test_one_such_answer_begins_the_count_again() -> None:
    _, said = proven(only(HERE), by(HERE), by(HERE), by(STRANGE), by(HERE))
    assert said[2].startswith(f"0 of 3 passes: answered by task {STRANGE}, which is not of this release")
    assert said[-1] == f"3 of 3 passes by {short(VERSION)}"


def test_a_task_that_ecs_started_meanwhile_is_asked_for_once() -> None:
    ours = only(HERE, now=(LATER,))
    proof, _ = proven(ours, by(LATER))
    assert proof.tasks == (LATER,)
    assert ours.ids == {HERE, LATER}


def test_what_a_header_holds_is_shown_as_it_is() -> None:
    said = missed(only(HERE), by("\x1b[2J" + "x" * 200))
    assert "answered by task \\x1b[2Jxxx" in said
    assert len(said) < 250


def test_without_the_header_it_is_proven_and_said_that_the_task_is_not_known() -> None:
    proof, said = proven(only(HERE), Served())
    assert proof.tasks == ()
    assert said[-1] == NO_TASK
    _, said = proven(only(HERE), by(HERE), by(""), by(HERE))
    assert said[-1] == NO_TASK


def test_where_the_tasks_cannot_be_known_that_is_said() -> None:
    proof, said = proven(only(now=NotKnownError("you may not ask")), by(HERE))
    assert proof.tasks == (HERE,)
    assert said[-1] == "whether the tasks of this release answered is not known: you may not ask"


def test_where_they_cannot_be_asked_for_just_now_nothing_is_proven() -> None:
    error = FunctionFailed("timed_out", "the function did not answer")
    said = missed(only(now=error), by(HERE))
    assert f"answered by task {HERE}, and the tasks of this release are not known: the function did not" in said


def test_who_knows_no_tasks_hears_which_answered() -> None:
    proof, said = proven(None, by(STRANGE))
    assert proof.tasks == (STRANGE,)
    assert said == [f"{number} of 3 passes by {short(VERSION)}" for number in (1, 2, 3)]


def test_another_version_is_the_reason_whatever_task_it_is_by() -> None:
    answer = Served(body(version=OTHER), headers=JSON | {"X-Task-Id": STRANGE})
    assert f"version is {OTHER}" in missed(only(HERE, now=FunctionFailed("error", "not to be asked")), answer)


def answer_of(task: str, **changes: Any) -> Served:
    return Served(body(**changes), headers=JSON | {"X-Task-Id": task})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": OTHER}, f"version is {OTHER}, expected {VERSION}"),
        ({"status": "fail"}, "status is fail, expected pass"),
        ({"status": "DOWN"}, "status is DOWN, expected pass"),
    ],
)
def test_a_task_of_the_release_that_shows_it_is_not_the_version_or_fails_ends_the_proof(
    changes: dict[str, Any], says: str
) -> None:
    with serving(answer_of(HERE, **changes)) as server, pytest.raises(Disproven) as caught:
        prove(check(server.url, deadline_s=60), print, only(HERE))
    assert len(server.requests) == 1
    assert str(caught.value) == f"{short(VERSION)} at {server.url}: {says}, answered by task {HERE} of this release"


@pytest.mark.parametrize(
    "unclear",
    [
        answer_of(STRANGE, status="fail"),
        answer_of(STRANGE, version=OTHER),
        Served(body(status="fail")),
        answer_of(HERE, status="starting"),
        answer_of(HERE, status=None),
        answer_of(HERE, version=None),
        # A task that starts or drains: the load balancer sends it no visitors.
        Served(body(status="fail"), status=503, headers=JSON | {"X-Task-Id": HERE}),
        Served(body(status="fail"), headers=JSON | {"X-Task-Id": HERE, "Age": "1"}),
    ],
)
def test_any_other_miss_is_waited_for(unclear: Served) -> None:
    with serving(unclear, by(HERE)) as server:
        prove(check(server.url, deadline_s=5), print, only(HERE))
        server.answers = [unclear]
        disprove(check(server.url), only(HERE))


def test_one_question_disproves_a_version_and_proves_none() -> None:
    with serving(by(HERE), answer_of(HERE, status="error")) as server:
        disprove(check(server.url), only(HERE))
        with pytest.raises(Disproven, match="status is error, expected pass, answered by task"):
            disprove(check(server.url), only(HERE))
    disprove(check("http://nowhere.invalid/"), only(HERE))


def test_the_status_alone_disproves_nothing() -> None:
    plain = AnswerForm(status_code_only=True)
    with serving(answer_of(STRANGE, version=OTHER), answer_of(HERE, version=OTHER)) as server:
        assert prove(check(server.url, form=plain), print, only(HERE)).passes == 3


def asked(*answers: Answer) -> tuple[Tasks, Function]:
    function = Function(*answers)
    return tasks.of(function, "easi-dev-deploy", NEW), function


def test_the_tasks_are_those_of_the_revision_that_the_service_is_on() -> None:
    ours, function = asked(status(), status(tasks=[HERE]))
    assert ours.miss(HERE) is None
    assert ours.miss(HERE) is None, "it is known now"
    assert function.commands == [
        {"command": "status", "explain": False},
        {"command": "status", "deployment": "ecs-svc/2", "taskDefinition": NEW, "explain": False},
    ]


def test_a_service_that_was_moved_has_no_task_of_the_release() -> None:
    moved = status()["current"] | {"taskDefinition": OLD}
    ours, function = asked(status(current=moved))
    assert ours.miss(HERE) == f"answered by task {HERE}, which is not of this release"
    assert function.commands == [{"command": "status", "explain": False}]


def test_a_function_that_fails_is_no_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy_function, "time", Clock())
    ours, _ = asked(raised("AccessDenied", "AwsError"))
    assert "the tasks of this release are not known: easi-dev-deploy failed to status" in str(ours.miss(HERE))
