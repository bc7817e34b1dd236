"""What stands for GitHub and its actions in the walks is no kinder than their documentation says that they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from urllib3 import PoolManager

from cli import github
from tests.local.workflow import actions, api
from tests.local.workflow.expressions import WorkflowError
from tests.local.workflow.forge import git
from tests.local.workflow.runs import Event
from tests.local.workflow.walk import started_by, walk
from tests.unit.small_workflow import CHECKOUT, Small, small_in

UPLOAD, DOWNLOAD = (f"actions/{name}-artifact@{'1' * 40}" for name in ("upload", "download"))
ROLE = f"aws-actions/configure-aws-credentials@{'1' * 40}"
small = pytest.fixture(small_in)


def site(more: str = "") -> str:
    """A job that uploads a folder with a hidden file, and one that downloads it."""
    return f"""
        build:
          steps:
            - run: |
                mkdir -p dist/.well-known dist/empty && echo page >dist/index.html
                echo contact >dist/.well-known/security.txt && echo run >dist/tool && chmod +x dist/tool
            - uses: {UPLOAD}
              with: {{name: frontend, path: dist{more}}}
            - run: rm -r dist
        use:
          needs: build
          steps:
            - uses: {DOWNLOAD}
              with: {{name: frontend, path: got}}
        """


def test_hidden_files_are_left_out_of_an_artifact_unless_they_are_asked_for(small: Small) -> None:
    got = small.forge.workspace / "got"
    assert small.run(site()).results == {"build": "success", "use": "success"}
    assert sorted(path.name for path in got.iterdir()) == ["index.html", "tool"]
    ran = small.run(site(", include-hidden-files: true"))
    assert ran.results == {"build": "success", "use": "success"}
    assert (got / ".well-known" / "security.txt").read_text() == "contact\n"


def test_an_artifact_keeps_no_permissions_and_no_empty_folders(small: Small) -> None:
    small.run(site())
    got = small.forge.workspace / "got"
    assert not (got / "empty").exists()
    assert (got / "tool").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            f"{UPLOAD}, with: {{name: frontend, path: dist, if-no-files-found: error}}",
            "No files were found with the provided path: dist",
        ),
        *(
            (f"{UPLOAD}, with: {{name: '{name}', path: Pulumi.yaml}}", "The artifact name is not valid")
            for name in ("a/b", "a:b", 'a"b', "a*")
        ),
        *(
            (
                f"actions/setup-{tool}@{'1' * 40}, "
                f"with: {{{tool}-version: '3.11', cache: pip, cache-dependency-path: no.lock}}",
                "no.lock",
            )
            for tool in ("python", "node")
        ),
    ],
    ids=["hidden files only", "a/b", "a:b", 'a"b', "a*", "python's cache", "node's cache"],
)
def test_a_step_that_the_action_would_fail_fails(small: Small, step: str, said: str) -> None:
    ran = small.run(f"a: {{steps: [{{run: mkdir dist && echo >dist/.hidden && echo >Pulumi.yaml}}, {{uses: {step}}}]}}")
    assert said in ran["a"].log
    assert ran.results == {"a": "failure"}


@pytest.mark.parametrize(("more", "result"), [("", "failure"), (", overwrite: true", "success")])
def test_a_job_that_is_run_again_meets_the_artifact_of_its_first_attempt(small: Small, more: str, result: str) -> None:
    ran = small.run(site(more))
    again = walk(small.forge, "small.yml", ran.event, again=ran, only=frozenset({"build"}))
    assert again.results["build"] == result
    assert ("Conflict: an artifact with this name already exists" in again["build"].log) == (result == "failure")


CHECKED_OUT = f"""
    first:
      permissions: {{contents: read}}
      steps:
        - uses: {CHECKOUT}
          with: {{persist-credentials: false, fetch-depth: 0}}
        - run: git rev-list --count HEAD && git tag && git symbolic-ref --short HEAD && touch left
    second:
      needs: first
      permissions: {{contents: read}}
      steps:
        - uses: {CHECKOUT}
          with: {{persist-credentials: false}}
        - run: git cat-file -e HEAD && ! git cat-file -e "$OLD" && ! git rev-parse --verify -q v1 && test ! -e left
          env: {{OLD: "${{{{ github.event.before }}}}"}}
        - run: git fetch --unshallow origin
    """


def test_a_checkout_knows_nothing_of_what_another_job_had(small: Small) -> None:
    """Its token is gone, too: what is not there cannot be fetched."""
    first = small.run("a: {steps: []}").event.sha
    git(small.root / "author", "tag", "v1", first)
    git(small.root / "author", "push", "-q", "origin", "v1")
    ran = small.run(CHECKED_OUT, payload={"before": first})
    assert ran["first"].result == "success", ran.log
    assert "v1" in ran["first"].log.splitlines()
    assert "main" in ran["first"].log.splitlines()
    assert ran["second"].result == "failure"
    assert "--- git fetch --unshallow origin" in ran["second"].log, ran.log

    actions.put_back(small.forge.workspace)
    assert git(small.forge.workspace, "remote", "get-url", "origin").strip() == str(small.forge.remote)


def test_a_session_is_no_longer_than_the_role_allows(small: Small) -> None:
    job = f"""
        dev:
          environment: dev
          permissions: {{id-token: write}}
          steps:
            - uses: {ROLE}
              with: {{role-to-assume: arn:dev, aws-region: us-west-2, role-duration-seconds: "7201"}}
        """
    assert "exceeds the MaxSessionDuration set for this role" in small.run(job)["dev"].log
    assert small.run(job.replace("7201", "7200")).results == {"dev": "success"}


@pytest.mark.parametrize("who", ["fork", "dependabot[bot]"])
def test_the_token_of_a_pull_request_from_elsewhere_only_reads(small: Small, who: str) -> None:
    fork = "somebody/easi" if who == "fork" else api.REPOSITORY
    author = "octocat" if who == "fork" else who
    pull_request = {"head": {"repo": {"full_name": fork}}, "user": {"login": author}}
    ran = small.run(
        f"""
        a:
          environment: dev
          permissions: {{id-token: write, pull-requests: write}}
          steps:
            - uses: {ROLE}
              with: {{role-to-assume: arn:dev, aws-region: us-west-2}}
        """,
        name="pull_request",
        ref="refs/heads/main",
        base_ref="main",
        actor=author,
        payload={"number": 7, "pull_request": pull_request},
    )
    assert "is id-token: write in the job's permissions?" in ran["a"].log
    assert [dict(permissions) for permissions in small.forge.api.tokens.values()] == [
        {"id-token": "none", "pull-requests": "read"}
    ]


def test_a_merge_queue_starts_only_what_asks_for_it(small: Small) -> None:
    ref = "refs/heads/gh-readonly-queue/main/pr-7-1"
    payload = {"merge_group": {"head_ref": ref, "base_ref": "refs/heads/main"}}
    with pytest.raises(WorkflowError, match="is not started by merge_group"):
        small.run("a: {steps: []}", name="merge_group", ref=ref, payload=payload)
    event = Event(name="merge_group", sha="1", ref=ref, payload=payload)
    assert started(event, {"merge_group": None})
    assert started(event, {"merge_group": {"types": ["checks_requested"], "branches": ["main"]}})
    assert not started(event, {"merge_group": {"branches": ["other"]}})


def started(event: Event, on: dict[str, Any]) -> bool:
    return started_by({"on": on}, event)


@pytest.fixture
def served() -> Iterator[api.Api]:
    with api.serving() as double:
        yield double


def of(served: api.Api, **permissions: str) -> github.Api:
    token = served.token({name.replace("_", "-"): value for name, value in permissions.items()})
    return github.Api({"GITHUB_REPOSITORY": api.REPOSITORY, "GITHUB_TOKEN": token, "GITHUB_API_URL": served.url})


def test_a_request_says_who_asks_and_by_which_version(served: api.Api) -> None:
    token = served.token({"issues": "read"})
    url = f"{served.url}/repos/{api.REPOSITORY}/issues"
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "easi", "X-GitHub-Api-Version": github.VERSION}
    statuses = []
    for change in ({}, {"User-Agent": ""}, {"X-GitHub-Api-Version": "2019-01-01"}):
        statuses.append(PoolManager().request("GET", url, headers={**headers, **change}).status)
    assert statuses == [200, 403, 400]


def test_further_pages_are_at_the_repository_s_number(served: api.Api) -> None:
    for _ in range(205):
        of(served, issues="write").post("issues", {"title": "x"})
    assert len(list(of(served, issues="read").paginate("issues"))) == 205
    assert len([request for request in served.requests if request.startswith("GET")]) == 3
    headers = {"Authorization": f"Bearer {served.token({'issues': 'read'})}", "User-Agent": "easi"}
    first = PoolManager().request("GET", f"{served.url}/repos/{api.REPOSITORY}/issues?per_page=500", headers=headers)
    assert len(first.json()) == 100
    assert first.headers["Link"].startswith(f"<{served.url}/repositories/{api.IDENTITY}/issues?")


def test_labels_differ_by_more_than_their_case(served: api.Api) -> None:
    asked = of(served, issues="write")
    asked.post("labels", {"name": "drift"})
    with pytest.raises(github.GithubError, match="already_exists"):
        asked.post("labels", {"name": "Drift"})
    assert asked.get("labels/DRIFT")["name"] == "drift"


def test_an_issue_needs_a_title(served: api.Api) -> None:
    with pytest.raises(github.GithubError, match="422"):
        of(served, issues="write").post("issues", {"body": "x"})
