"""The runner that walks the workflows calls one from another as GitHub documents it.

https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
"""

from __future__ import annotations

import pytest

from tests.local.workflow.expressions import WorkflowError
from tests.local.workflow.walk import passed, walk
from tests.unit.small_workflow import Small, small_in

ROLE = f"aws-actions/configure-aws-credentials@{'1' * 40}"
CALLED = f"""
    on:
      workflow_call:
        inputs:
          environment: {{type: string, required: true}}
          loud: {{type: boolean, default: false}}
        outputs:
          greeting: {{value: "${{{{ jobs.greet.outputs.text }}}}"}}
    permissions: {{}}
    env: {{OWN: its-own}}
    defaults: {{run: {{shell: bash}}}}
    jobs:
      greet:
        environment: {{name: "${{{{ inputs.environment }}}}"}}
        permissions: {{id-token: write}}
        outputs: {{text: "${{{{ steps.greet.outputs.text }}}}"}}
        steps:
          - uses: {ROLE}
            with: {{role-to-assume: "${{{{ vars.AWS_ROLE_ARN }}}}", aws-region: "${{{{ vars.AWS_REGION }}}}"}}
          - id: greet
            run: |
              echo "text=hello $TO, loud: $LOUD, $OWN, ${{CALLERS:-nothing}} of its caller's, $GITHUB_JOB" \\
                >> "$GITHUB_OUTPUT"
            env: {{TO: "${{{{ inputs.environment }}}}", LOUD: "${{{{ inputs.loud }}}}"}}
      after:
        needs: greet
        steps:
          - run: test "$TEXT" != broken && test "$IT" = dev
            env: {{TEXT: "${{{{ needs.greet.outputs.text }}}}", IT: "${{{{ inputs.environment }}}}"}}
    """
CALL = """
    first:
      uses: ./.github/workflows/called.yml
      with: {environment: dev}
      concurrency: {group: release-dev, queue: max}
      permissions: {id-token: write}
    last:
      needs: first
      steps:
        - run: echo "$TEXT" >> "$GITHUB_STEP_SUMMARY"
          env: {TEXT: "${{ needs.first.outputs.greeting }}, ${{ needs.first.result }}"}
    """
small = pytest.fixture(small_in)


def test_a_called_workflow_has_its_inputs_its_environment_s_role_and_nothing_of_its_callers_env(small: Small) -> None:
    ran = small.run(CALL, called=CALLED)
    assert ran.results == {"first / greet": "success", "first / after": "success", "last": "success"}, ran.log
    assert ran.summary == "hello dev, loud: false, its-own, nothing of its caller's, greet, success\n"
    greet = ran["first / greet"]
    assert (greet.environment, greet.role, dict(greet.permissions)) == ("dev", "arn:dev", {"id-token": "write"})
    assert greet.concurrency == {"group": "release-dev", "queue": "max"}
    assert (ran["first / after"].permissions, ran["first / after"].role) == ({}, "")
    assert [job["name"] for job in small.forge.api.jobs[ran.number, 1]] == ["first / greet", "first / after", "last"]


def test_a_failure_in_a_called_workflow_is_its_callers_and_is_run_again_alone(small: Small) -> None:
    ran = small.run(CALL, called=CALLED.replace("= dev\n", "= dev && test -e mended\n"))
    assert ran.results == {"first / greet": "success", "first / after": "failure", "last": "skipped"}
    (small.forge.workspace / "mended").touch()
    again = walk(small.forge, "small.yml", ran.event, again=ran)
    assert again.results == {"first / greet": "success", "first / after": "success", "last": "success"}, again.log
    assert again["first / greet"] is ran["first / greet"]


def test_each_of_a_matrix_calls_and_a_call_that_is_skipped_has_no_jobs(small: Small) -> None:
    call = CALL.replace("with: {", "strategy: {matrix: {stack: [a, b]}}\n      with: {loud: true, ")
    assert list(small.run(call, called=CALLED).results) == [
        *("first (a) / greet", "first (a) / after", "first (b) / greet", "first (b) / after", "last")
    ]
    skipped = CALL.replace("with: {", "if: ${{ false }}\n      with: {")
    assert small.run(skipped, called=CALLED).results == {"first": "skipped", "last": "skipped"}


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ("permissions: {id-token: write}", "permissions: {id-token: none}", "asks for id-token: write, its caller has"),
        ("      permissions: {id-token: write}\n", "", "asks for id-token: write, its caller has id-token: none"),
        ("with: {environment: dev}", "with: {}", "requires the input environment"),
        ("environment: dev", "environment: dev, stack: dev", "has no input stack"),
        ("environment: dev", "environment: true", "True is no string"),
        ("with: {", "secrets: inherit\n      with: {", "do not know secrets"),
        ("with: {", "env: {A: b}\n      with: {", "do not know env"),
        ("with: {", "runs-on: ubuntu-24.04\n      with: {", "do not know runs-on"),
        (
            "./.github/workflows/called.yml",
            "octo/easi/.github/workflows/called.yml@main",
            "this repository's workflows",
        ),
        ("called.yml", "small.yml", "small.yml has no workflow_call"),
    ],
)
def test_what_a_call_may_not_say_is_an_error(small: Small, written: str, instead: str, says: str) -> None:
    assert written in CALL
    with pytest.raises(WorkflowError, match=says):
        small.run(CALL.replace(written, instead), called=CALLED)


def test_a_called_workflow_calls_no_other_here(small: Small) -> None:
    nested = CALLED[: CALLED.index("      greet:")] + "      deeper: {uses: ./.github/workflows/called.yml}\n"
    with pytest.raises(WorkflowError, match="one deep"):
        small.run(CALL, called=nested)


def test_an_input_that_is_not_passed_is_its_default_or_empty() -> None:
    inputs = {
        "a": {"type": "string"},
        "b": {"type": "boolean"},
        "c": {"type": "number"},
        "d": {"type": "string", "default": "x"},
    }
    assert passed(inputs, {"a": None}) == {"a": "", "b": False, "c": 0, "d": "x"}
