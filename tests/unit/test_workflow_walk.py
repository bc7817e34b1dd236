"""The runner that walks the workflows in the local tests: its expressions, the order of jobs, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.workflow import api, expressions, job
from tests.local.workflow.expressions import Known, WorkflowError
from tests.local.workflow.walk import walk
from tests.unit.small_workflow import CHECKOUT, Small, small_in

CONTEXTS: dict[str, Any] = {
    "github": Known(event={"pull_request": {"user": {"login": "octocat"}}}, ref="refs/heads/main"),
    "vars": Known(AWS_REGION="us-west-2"),
    "steps": Known(release={"outcome": "failure", "outputs": {"url": "http://a"}}, proof={}),
    "matrix": Known(stack="dev"),
}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("github.event.pull_request.user.login != 'dependabot[bot]'", True),
        ("github.event.issue.number", None),
        ("github.event['pull_request'].user.login", "octocat"),
        ("steps.release.outcome != 'skipped' && steps.release.outputs.url", "http://a"),
        ("steps.proof.outputs.url", None),
        ("steps.proof.outputs.url || 'none'", "none"),
        ("'It''s'", "It's"),
        ("'MAIN' == 'main'", True),
        ("null == ''", True),
        ("null == 0", True),
        ("!(true && false) && 1 != 2", True),
        ("true || false && false", True),
    ],
)
def test_expression_has_the_value_that_github_documents(written: str, value: object) -> None:
    assert expressions.evaluate(written, CONTEXTS) == value


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("vars.AWS_REGIN", "'AWS_REGIN' is not there; there are: AWS_REGION"),
        ("steps.relase.outcome", "'relase' is not there"),
        ("secrets.KEY", "'secrets' is not there"),
        ("hashFiles('**')", "the function hashFiles is not known here"),
        ('vars.AWS_REGION == "x"', "is not understood at"),
        ("1 < 2", "is not understood at"),
        ("(true", "')' is missing"),
        ("matrix.stack.name", "'dev' has no 'name'"),
        ("", "a name is missing"),
    ],
)
def test_what_is_not_known_is_named(written: str, says: str) -> None:
    with pytest.raises(WorkflowError) as raised:
        expressions.evaluate(written, CONTEXTS)
    assert says in str(raised.value)


def test_a_condition_needs_success_unless_it_asks_for_a_status() -> None:
    failed = {"success": lambda: False, "always": lambda: True, "failure": lambda: True, "cancelled": lambda: False}
    answers = {
        written: expressions.condition(written, CONTEXTS, failed)
        for written in (None, "true", "always()", "${{ !cancelled() && matrix.stack == 'dev' }}", "failure()", False)
    }
    assert list(answers.values()) == [False, False, True, True, True, False]
    with pytest.raises(WorkflowError, match="always true"):
        expressions.condition("${{ false }} && true", CONTEXTS, failed)


def test_texts_are_filled_and_a_whole_expression_keeps_its_type() -> None:
    filled = expressions.fill({"a": "x-${{ matrix.stack }}-${{ true }}", "b": ["${{ false }}"], "c": 3}, CONTEXTS)
    assert filled == {"a": "x-dev-true", "b": [False], "c": 3}


def test_outputs_of_one_line_and_of_many() -> None:
    assert job.assigned("a=1=2\nb<<END\none\n\ntwo=2\nEND\nc=\n") == {"a": "1=2", "b": "one\n\ntwo=2", "c": ""}
    with pytest.raises(WorkflowError, match="does not come"):
        job.assigned("b<<END\none\n")
    with pytest.raises(WorkflowError, match="no assignment"):
        job.assigned("nothing\n")


small = pytest.fixture(small_in)


def test_jobs_wait_for_what_they_need_and_hand_on_outputs_and_artifacts(small: Small) -> None:
    ran = small.run(
        f"""
        last:
          needs: [first]
          permissions: {{contents: read}}
          strategy: {{matrix: {{stack: [a, b]}}}}
          steps:
            - uses: {CHECKOUT}
              with: {{persist-credentials: false}}
            - uses: actions/download-artifact@{"1" * 40}
              with: {{name: files, path: got}}
            - run: echo "$VALUE $(cat got/one) ${{{{ matrix.stack }}}}" >> "$GITHUB_STEP_SUMMARY"
              env: {{VALUE: "${{{{ needs.first.outputs.value }}}}"}}
        first:
          outputs: {{value: "${{{{ steps.made.outputs.value }}}}"}}
          steps:
            - id: made
              run: |
                echo value=7 >> "$GITHUB_OUTPUT"
                echo "KEPT=yes" >> "$GITHUB_ENV"
                mkdir made; echo 1 > made/one
            - run: test "$KEPT" = yes
            - uses: actions/upload-artifact@{"1" * 40}
              with: {{name: files, path: made}}
        """
    )
    assert ran.results == {"first": "success", "last (a)": "success", "last (b)": "success"}, ran.log
    assert ran.summary.split("\n") == ["7 1 a", "", "7 1 b", ""]
    assert not (small.forge.workspace / "made").exists(), "a checkout cleans the workspace"


def test_a_failure_skips_what_needs_it_and_steps_may_ask_for_it(small: Small) -> None:
    ran = small.run(
        """
        first:
          steps:
            - {id: bad, run: "false | true"}
            - {run: echo not this}
            - {if: "${{ always() && steps.bad.outcome == 'failure' }}", run: echo but this}
        second: {needs: first, steps: [{run: "true"}]}
        third: {needs: second, if: "${{ failure() }}", steps: [{run: "true"}]}
        """
    )
    assert ran.results == {"first": "failure", "second": "skipped", "third": "success"}
    assert "but this" in ran["first"].log
    assert "not this\nnot this" not in ran["first"].log
    assert "--- echo not this: skipped" in ran["first"].log


RELEASE = f"""
    dev:
      environment: {{name: dev, url: "http://x"}}
      permissions: {{contents: read, id-token: write}}
      concurrency: {{group: release-dev, queue: max}}
      steps:
        - uses: aws-actions/configure-aws-credentials@{"1" * 40}
          with: {{role-to-assume: "${{{{ vars.AWS_ROLE_ARN }}}}", aws-region: "${{{{ vars.AWS_REGION }}}}"}}
        - run: test "$AWS_ACCESS_KEY_ID $AWS_REGION" = "key us-west-2"
    after:
      needs: dev
      steps:
        - run: test -z "${{AWS_ACCESS_KEY_ID:-}}${{GITHUB_TOKEN:-}}"
    """


def test_credentials_are_in_the_job_that_assumed_the_role_only(small: Small) -> None:
    ran = small.run(RELEASE)
    assert ran.results == {"dev": "success", "after": "success"}, ran.log
    assert (ran["dev"].role, ran["dev"].url, ran["after"].role) == ("arn:dev", "http://x", "")
    assert ran["dev"].concurrency == {"group": "release-dev", "queue": "max"}


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        (", id-token: write", "", "is id-token: write in the job's permissions?"),
        ("${{ vars.AWS_ROLE_ARN }}", "arn:prod", "Not authorized to perform sts:AssumeRoleWithWebIdentity: 'arn:prod'"),
    ],
)
def test_a_job_that_the_role_does_not_trust_gets_none(small: Small, written: str, instead: str, says: str) -> None:
    ran = small.run(RELEASE.replace(written, instead))
    assert ran.results == {"dev": "failure", "after": "skipped"}
    assert says in ran["dev"].log


def test_a_reviewer_sees_the_summaries_so_far_and_a_rejection_stops_until_it_is_run_again(small: Small) -> None:
    jobs = """
        before: {steps: [{run: echo evidence >> "$GITHUB_STEP_SUMMARY"}]}
        gate: {needs: before, environment: dev-approval, steps: [{run: "true"}]}
        after: {needs: gate, steps: [{run: "true"}]}
        """
    asked: list[str] = []
    ran = small.run(jobs, asked, approves=False)
    assert (asked, ran.results["after"]) == (["dev-approval: evidence\n"], "skipped")
    again = walk(small.forge, "small.yml", ran.event, approve=lambda *_: True, again=ran)
    assert set(again.results.values()) == {"success"}
    assert (again.number, again.attempt) == (ran.number, 2)
    assert [review["state"] for review in small.forge.api.runs[ran.number]] == ["rejected", "approved"]


@pytest.mark.parametrize(
    ("jobs", "says"),
    [
        ("a: {steps: [], services: {}}", "do not know services"),
        ("a: {steps: [{run: x, shel: sh}]}", "do not know shel"),
        ("a: {steps: [{run: x, shell: pwsh}]}", "know bash, not pwsh"),
        ("a: {steps: [{uses: actions/checkout@v4}]}", "not pinned"),
        (f"a: {{steps: [{{uses: actions/cache@{'1' * 40}}}]}}", "do not know what actions/cache does"),
        (f"a: {{permissions: {{contents: read}}, steps: [{{uses: {CHECKOUT}}}]}}", "persist-credentials: false"),
        (
            f"a: {{permissions: {{contents: read}}, steps: [{{uses: {CHECKOUT}, with: {{lfs: true}}}}]}}",
            "do not know the input lfs",
        ),
        ("a: {needs: b, steps: []}", "there is no job b"),
        ("a: {environment: pord, steps: []}", "there is no environment pord"),
        ("a: {permissions: write-all, steps: []}", "not 'write-all'"),
        ("a: {steps: [], strategy: {matrix: {include: []}}}", "do not know include"),
    ],
)
def test_what_github_or_the_runner_does_not_know_is_an_error(small: Small, jobs: str, says: str) -> None:
    with pytest.raises(WorkflowError, match=says):
        small.run(jobs)


def test_missing_artifact_fails_its_step(small: Small) -> None:
    ran = small.run(f"a: {{steps: [{{uses: actions/download-artifact@{'1' * 40}, with: {{name: x}}}}]}}")
    assert "Artifact not found for name: x" in ran["a"].log
    assert ran.results == {"a": "failure"}


def test_the_double_of_the_api_holds_a_token_to_its_permissions() -> None:
    double = api.Api()
    double.pull_request(7)

    def asks(path: str, **permissions: str) -> int:
        token = double.token({name.replace("_", "-"): value for name, value in permissions.items()})
        return double.answer("POST", f"/repos/{api.REPOSITORY}/{path}", {}, {"title": "x", "body": "y"}, token)[0]

    assert double.answer("GET", f"/repos/{api.REPOSITORY}/issues", {}, {}, "unknown")[0] == 401
    assert asks("issues/7/comments", contents="read") == 403
    assert asks("issues/7/comments", pull_requests="write") == 201
    assert asks("issues", pull_requests="write") == 403
    assert asks("issues", issues="write") == 201
    assert len(double.refused) == 2
