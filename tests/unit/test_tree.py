"""The version of a working tree: what is built decides it, whatever Git was told about its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from release import build_context, tree, version
from release.__main__ import main
from release.build_context import BuildContext
from release.git import GitError
from release.tree import Sources
from settings.service import Build
from settings.site import Site
from tests.unit.git_project import FILES, SOURCES, git, project

MAIN = "example/backend/main.go"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path)


def changes(root: Path) -> set[str]:
    return set(tree.read(root, SOURCES).changes)


def write(root: Path, name: str, text: str = "changed") -> str:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    return name


def test_a_clean_tree_is_its_commit(root: Path) -> None:
    here = tree.read(root, SOURCES)
    assert here.version == here.commit == git(root, "rev-parse", "HEAD")


def test_what_is_no_change(root: Path) -> None:
    (root / MAIN).chmod(0o600)
    write(root, "notes.txt")
    write(root, "example/backend/notes.md", "Docker does not send it")
    write(root, "example/frontend/dist/index.html")
    write(root, "example/frontend/node_modules/a.js")
    os.utime(root / MAIN, (1, 1))
    assert changes(root) == set()


@pytest.mark.parametrize(
    "name",
    [
        MAIN,
        "README.md",
        "Pulumi.impl.yaml",
        "example/backend/main_test.go",
        "example/backend/debug_local.go",
        "example/backend/ignored.go",
        "example/backend/Dockerfile",
        "example/backend/.dockerignore",
        "example/frontend/.env.local",
        "example/frontend/src/new.ts",
        "example/frontend/src/node_modules/react/index.js",
        "example/frontend/public/robots.txt",
        "functions/deploy/handler.py",
        "functions/deploy/boto3.py",
    ],
)
def test_a_file_that_is_built_or_tracked_counts_by_its_content(root: Path, name: str) -> None:
    commit = git(root, "rev-parse", "HEAD")
    write(root, name, "* text" if name.endswith("ignore") else "one")
    first = tree.read(root, SOURCES)
    write(root, name, "* text two" if name.endswith("ignore") else "two")
    second = tree.read(root, SOURCES)
    assert name in first.changes
    assert first.version != second.version
    for here in (first, second):
        assert version.is_full(here.version)
        assert version.is_dirty(here.version)
        assert version.commit(here.version) == commit


def test_the_same_changes_have_the_same_version_in_every_clone(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "clone"
    git(root, "clone", "--quiet", str(root), str(other))
    for clone in (root, other):
        write(clone, MAIN, "package main // changed\n")
        write(clone, "example/frontend/.env.local", "VITE_X=1")
    (other / MAIN).chmod(0o640)
    git(other, "add", MAIN)
    assert tree.read(root, SOURCES).version == tree.read(other, SOURCES).version


def hidden(root: Path, *flags: str) -> None:
    git(root, "update-index", *flags, MAIN)
    write(root, MAIN)


def same_size_and_time(root: Path) -> None:
    git(root, "status")
    before = (root / MAIN).stat()
    git(root, "config", "core.trustctime", "false")
    git(root, "config", "core.checkStat", "minimal")
    git(root, "config", "core.ignoreStat", "true")
    write(root, MAIN, "package evil\n")
    os.utime(root / MAIN, ns=(before.st_atime_ns, before.st_mtime_ns))


def executable(root: Path) -> None:
    git(root, "config", "core.fileMode", "false")
    (root / MAIN).chmod(0o755)


def link(root: Path) -> None:
    git(root, "config", "core.symlinks", "false")
    content = (root / MAIN).read_text()
    (root / MAIN).unlink()
    write(root, "elsewhere", content)
    (root / MAIN).symlink_to("../../elsewhere")


def unlinked(root: Path) -> None:
    (root / MAIN).unlink()
    (root / MAIN).symlink_to("main_test.go")
    git(root, "commit", "--quiet", "--all", "-m", "a link")
    git(root, "config", "core.symlinks", "false")
    (root / MAIN).unlink()
    write(root, MAIN, "main_test.go")


def removed(root: Path) -> None:
    git(root, "sparse-checkout", "set", "--no-cone", "/README.md", "!/example/backend/main.go")
    assert not (root / MAIN).exists()
    # The build reads these, and Git has left them away, too.
    for name in ("Dockerfile", "main_test.go"):
        write(root, f"example/backend/{name}", FILES[f"example/backend/{name}"])


def replaced_commit(root: Path) -> None:
    commit = git(root, "rev-parse", "HEAD")
    write(root, MAIN)
    git(root, "commit", "--quiet", "--all", "-m", "other content")
    other = git(root, "rev-parse", "HEAD")
    git(root, "reset", "--quiet", "--hard", commit)
    git(root, "replace", commit, other)
    git(root, "reset", "--quiet", "--hard")


def watched(root: Path) -> None:
    git(root, "status")
    hook = root / ".git" / "says-nothing-changed"
    hook.write_text("#!/bin/sh\nprintf 'token\\0'\n")
    hook.chmod(0o755)
    git(root, "config", "core.fsmonitor", str(hook))
    git(root, "update-index", "--fsmonitor")
    write(root, MAIN)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: hidden(root, "--assume-unchanged"),
        lambda root: hidden(root, "--skip-worktree"),
        same_size_and_time,
        executable,
        link,
        unlinked,
        removed,
        replaced_commit,
        watched,
    ],
    ids=[
        "assume-unchanged",
        "skip-worktree",
        "racy",
        "executable",
        "link",
        "unlinked",
        "removed",
        "replaced",
        "fsmonitor",
    ],
)
def test_git_is_not_believed_that_a_file_is_unchanged(root: Path, change: Callable[[Path], None]) -> None:
    change(root)
    assert MAIN in changes(root)


def test_what_is_staged_only_counts(root: Path) -> None:
    write(root, "README.md")
    git(root, "add", "README.md", write(root, "new.txt"))
    write(root, "README.md", "a project\n")
    assert changes(root) == {"README.md", "new.txt"}
    git(root, "reset", "--quiet", "--hard")
    git(root, "add", "--intent-to-add", write(root, "later.txt"))
    assert changes(root) == {"later.txt"}


def test_a_bundler_follows_links(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("shared")
    write(outside, "a.ts", "one")
    (root / "example/frontend/src/shared").symlink_to(outside)
    (root / "example/frontend/src/round").symlink_to(".")
    (root / "example/frontend/src/loop").symlink_to("loop")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "links")
    first = tree.read(root, SOURCES)
    write(outside, "a.ts", "two")
    assert [path for path in first.changes if path.endswith("/a.ts")] == list(first.changes)
    assert tree.read(root, SOURCES).version != first.version


@pytest.fixture
def module(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submodule in the frontend's source, as it was committed."""
    theirs = tmp_path_factory.mktemp("theirs")
    write(theirs, "a.ts", "one")
    git(theirs, "init", "--quiet")
    git(theirs, "add", "--all")
    git(theirs, "commit", "--quiet", "-m", "theirs")
    git(
        root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(theirs), "example/frontend/src/lib"
    )
    git(root, "commit", "--quiet", "-m", "a submodule")
    assert changes(root) == set()
    return root / "example/frontend/src/lib"


def test_a_submodule_is_compared_by_content_as_well(root: Path, module: Path) -> None:
    git(module, "update-index", "--assume-unchanged", "a.ts")
    write(module, "a.ts", "two")
    write(module, "new.ts")
    lib = "example/frontend/src/lib"
    assert changes(root) == {f"{lib}/a.ts", f"{lib}/new.ts"}
    git(module, "update-index", "--no-assume-unchanged", "a.ts")
    git(module, "add", "--all")
    git(module, "commit", "--quiet", "-m", "ours")
    assert changes(root) == {lib}


def test_a_submodule_that_is_not_checked_out_is_not_built(root: Path, module: Path) -> None:
    git(root, "submodule", "--quiet", "deinit", "--all", "--force")
    assert changes(root) == {"example/frontend/src/lib"}


def test_an_environment_that_promotes_builds_only_the_function(root: Path) -> None:
    write(root, "example/backend/debug_local.go")
    write(root, "example/frontend/.env.local")
    assert tree.read(root, None).changes == {}
    write(root, "functions/deploy/new.py")
    assert set(tree.read(root, None).changes) == {"functions/deploy/new.py"}


def damaged_index(root: Path) -> None:
    (root / ".git" / "index").write_bytes(b"DIRC")


def no_repository(root: Path) -> None:
    (root / ".git").rename(root / "was-git")


def no_commit(root: Path) -> None:
    git(root, "checkout", "--quiet", "--orphan", "new")


def lost_objects(root: Path) -> None:
    sha = git(root, "rev-parse", "HEAD:example")
    (root / ".git" / "objects" / sha[:2] / sha[2:]).unlink()


def elsewhere(root: Path) -> None:
    other = root.parent / "other-tree"
    other.mkdir()
    git(root, "config", "core.worktree", str(other))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (damaged_index, 'rm -f "$(git rev-parse --git-path index)" && git reset'),
        (no_repository, "release from a clone of the repository"),
        (no_commit, "there is no commit to release: git commit"),
        (lost_objects, "to see it:  git status && git fsck"),
        (elsewhere, "config --unset core.worktree"),
    ],
)
def test_what_git_cannot_say_is_not_clean(root: Path, damage: Callable[[Path], None], says: str) -> None:
    damage(root)
    with pytest.raises(GitError) as caught:
        tree.read(root, SOURCES)
    assert says in str(caught.value)


def test_the_command_for_a_damaged_index_mends_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, MAIN)
    damaged_index(root)
    with pytest.raises(GitError) as caught:
        tree.read(root, SOURCES)
    monkeypatch.chdir(root)
    assert os.system(str(caught.value).rpartition(":  ")[2]) == 0
    assert changes(root) == {MAIN}


def test_a_repository_of_somebody_else_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GitError, match=r"(?s)dubious ownership.*safe\.directory"):
        tree.read(root, SOURCES)


def test_a_hook_of_another_repository_changes_nothing(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project(tmp_path_factory.mktemp("other"), commits=2)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert tree.read(root, SOURCES).version != tree.read(other, SOURCES).version


def test_the_verb_prints_the_version_and_what_differs(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, "example/backend/debug_local.go")
    monkeypatch.chdir(root)
    assert main(["version"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{tree.read(root, SOURCES).version}\n"
    assert said.err == f"not as in {git(root, 'rev-parse', 'HEAD')[:12]}: example/backend/debug_local.go\n"
    # The settings of the environment that builds count, and no other's.
    git(root, "mv", "example/backend", "backend")
    git(
        root,
        "add",
        write(root, "Pulumi.dev.yaml", 'config: {"easi:services": {backend: {build: {context: backend}}}}\n'),
    )
    write(
        root,
        "Pulumi.impl.yaml",
        'config: {"easi:promoteFrom": dev, "easi:services": {backend: {build: {context: nowhere}}}}\n',
    )
    git(root, "commit", "--quiet", "--all", "-m", "moved")
    assert main(["version"]) == 0
    assert "backend/debug_local.go" in capsys.readouterr().err


def test_the_verb_elsewhere_says_where_to_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["version"]) == 1
    assert "run this in the project's folder" in capsys.readouterr().err


def application(folder: Path) -> Path:
    """A repository of an application with the program in its folder `deploy`; the program's folder."""
    project(folder)
    git(folder, "rm", "-r", "--quiet", "--cached", ".")
    (folder / "example/backend").rename(folder / "backend")
    (folder / "example/frontend").rename(folder / "frontend")
    for name in ("Pulumi.yaml", "Pulumi.impl.yaml", "functions"):
        (folder / "deploy").mkdir(exist_ok=True)
        (folder / name).rename(folder / "deploy" / name)
    (folder / ".gitignore").write_text("node_modules/\n.build/\nignored.go\n/frontend/dist/\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "an application")
    return folder / "deploy"


ABOVE = Sources(images={"backend": Build(context="../backend")}, sites={"site": Site(folder="../frontend/dist")})


def test_what_is_built_may_lie_above_the_program(tmp_path: Path) -> None:
    deploy = application(tmp_path)
    here = tree.read(deploy, ABOVE)
    assert (dict(here.changes), here.version) == ({}, git(tmp_path, "rev-parse", "HEAD"))


@pytest.mark.parametrize(
    "name",
    [
        "backend/main.go",
        "backend/new.go",
        "backend/ignored.go",
        "frontend/src/new.ts",
        "README.md",
        "deploy/Pulumi.yaml",
    ],
)
def test_a_change_of_the_application_counts_wherever_the_program_is(tmp_path: Path, name: str) -> None:
    deploy = application(tmp_path)
    write(tmp_path, name)
    assert set(tree.read(deploy, ABOVE).changes) == {name}


def test_a_build_of_the_whole_repository_reads_no_copy_that_was_made_for_a_build(tmp_path: Path) -> None:
    deploy = application(tmp_path)
    write(tmp_path, "Dockerfile", "FROM scratch\n")
    write(tmp_path, ".dockerignore", "frontend\n")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "built as a whole")
    whole = Sources(images={"backend": Build(context="..")}, sites=ABOVE.sites)
    context = BuildContext(folder=deploy / "..", dockerfile=deploy / ".." / "Dockerfile", project=deploy)

    first = build_context.copy(deploy, context)
    second = build_context.copy(deploy, context)

    assert (deploy / first / "deploy" / "Pulumi.yaml").is_file()
    assert first == second
    assert not [*(deploy / second).rglob(".build")]
    assert tree.read(deploy, whole).changes == {}


def test_a_build_in_a_folder_of_its_own_reads_the_files_there(tmp_path: Path) -> None:
    site = Site(folder="example/frontend/dist", build="make", build_folder="example/pages")
    sources = Sources.of({}, {"site": site})
    project(tmp_path)
    write(tmp_path, "example/pages/.env.local")
    write(tmp_path, "example/pages/node_modules/react.js")
    write(tmp_path, "example/frontend/.env.local")
    assert set(tree.read(tmp_path, sources).changes) == {"example/pages/.env.local"}


def test_what_is_built_outside_of_the_repository_is_refused_by_its_setting(tmp_path: Path) -> None:
    (root := tmp_path / "clone").mkdir()
    project(root)
    for name in ("service", "page", "shared"):
        write(root.parent, f"{name}/Dockerfile")
    (root / "linked").symlink_to(root.parent / "service")
    sources = Sources(
        images={
            "api": Build(context="../service"),
            "worker": Build(context="example/backend", dockerfile="../../../shared/Dockerfile"),
            "jobs": Build(context="linked"),
        },
        sites={
            "help": Site(folder="../page/dist"),
            "site": Site(folder="example/frontend/dist", build_folder="../page"),
        },
    )
    why = f"that is outside of the repository {root}, and a version is a commit, which has nothing of it"
    assert [problem.partition(";")[0] for problem in sources.problems(root)] == [
        f"easi:services.api.build.context is ../service: {why}",
        f"easi:services.worker.build.dockerfile is ../../../shared/Dockerfile: {why}",
        f"easi:services.jobs.build.context is linked: {why}",
        f"easi:sites.help.folder is ../page/dist: {why}",
        f"easi:sites.site.buildFolder is ../page: {why}",
    ]
