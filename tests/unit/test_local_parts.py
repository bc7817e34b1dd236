"""Which local tests run beside each other."""

from __future__ import annotations

from collections import Counter

from tests.local import parts


def groups(part: str) -> Counter[str]:
    files = [path for path in parts.HERE.rglob("test_*.py") if parts.part_of(path) == part]
    root = parts.HERE.parents[1]
    return Counter(parts.group(f"{path.relative_to(root).as_posix()}::test") for path in files)


def test_the_files_that_share_the_environments_are_split_evenly_between_two_copies_of_them() -> None:
    copies = groups("environments")
    assert len(copies) == 2
    assert max(copies.values()) - min(copies.values()) <= 1


def test_a_world_of_a_file_has_a_worker_of_its_own_and_other_walks_share_one() -> None:
    assert set(groups("services").values()) == {1}
    assert set(groups("walks")) == {"walks", "tests/local/workflow/test_walk_two_services.py"}


def test_the_longest_groups_begin_first() -> None:
    ranks = {name: parts.rank(f"tests/local/{name}::test") for name in ("test_image_copy.py", "test_release.py")}
    first = parts.rank("tests/local/workflow/test_walk_deploy.py::test")
    assert first == 0 < ranks["test_release.py"] < ranks["test_image_copy.py"]
    assert parts.rank("tests/local/test_example_reports.py::test") == len(parts.LONGEST) < ranks["test_image_copy.py"]
