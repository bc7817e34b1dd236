from collections.abc import Iterable

import pytest

from release.static import plan
from release.static.content import cache_class, content_type
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest


def file(path: str, content: str = "a") -> File:
    return File(path=path, size=1, sha256=content[0] * 64, content_type=content_type(path), cache=cache_class(path))


def manifest(*files: File) -> Manifest:
    return Manifest(version="1", files=tuple(sorted(files, key=lambda one: one.path)))


def paths(files: Iterable[File]) -> list[str]:
    return [one.path for one in files]


OLD_ASSET, NEW_ASSET = file("assets/index-DiwrgTda.js"), file("assets/index-Qx3_8fKz.js")
PAGE, VERSION = file("index.html"), file("version.json")


def uploads(target: Manifest, known: Manifest | None = None, **there: object) -> plan.Uploads:
    return plan.uploads(manifest=target, known=known, assets=there, kept=())  # type: ignore[arg-type] # sizes, by path


def test_first_release_uploads_everything_and_no_page_to_the_site() -> None:
    found = uploads(manifest(OLD_ASSET, PAGE, VERSION))
    assert paths(found.assets) == ["assets/index-DiwrgTda.js"]
    assert paths(found.kept) == ["index.html", "version.json"]


def test_files_of_the_active_release_are_not_uploaded_again() -> None:
    found = uploads(manifest(OLD_ASSET, NEW_ASSET, PAGE), manifest(OLD_ASSET, PAGE))
    assert paths(found.assets) == ["assets/index-Qx3_8fKz.js"]


def test_what_an_interrupted_staging_left_is_not_uploaded_again() -> None:
    target = manifest(OLD_ASSET, NEW_ASSET, PAGE, VERSION)
    found = plan.uploads(
        manifest=target,
        known=None,
        assets={OLD_ASSET.path: 1, NEW_ASSET.path: 7},
        kept={"index.html"},
    )
    assert paths(found.assets) == [NEW_ASSET.path], "another size is not this file"
    assert paths(found.kept) == ["version.json"]


def test_hashed_name_with_other_content_is_refused() -> None:
    new, kept = manifest(file(OLD_ASSET.path, "b"), PAGE), manifest(OLD_ASSET, PAGE)
    with pytest.raises(StaticReleaseError, match="has other content") as caught:
        plan.check_names(new, kept)
    said = str(caught.value)
    assert said.startswith(
        f"assets/index-DiwrgTda.js of 1 (manifest {new.digest[:19]}) has other content (SHA-256 bbbb"
    )
    assert f"than in 1 (manifest {kept.digest[:19]}), which is kept here (SHA-256 aaaa" in said
    assert "Give the new content a new name, as a build does that hashes what it writes" in said


def test_how_many_names_have_other_content_is_said() -> None:
    with pytest.raises(StaticReleaseError, match=r"index-DiwrgTda\.js of 1 .* \(and 1 more such files\)"):
        plan.check_names(manifest(file(OLD_ASSET.path, "b"), file(NEW_ASSET.path, "b")), manifest(OLD_ASSET, NEW_ASSET))


def test_names_that_do_not_carry_a_hash_and_names_with_the_same_content_may_come_back() -> None:
    plan.check_names(manifest(OLD_ASSET, file("index.html", "b")), manifest(OLD_ASSET, NEW_ASSET, PAGE))


def test_asset_whose_type_is_known_better_now_is_uploaded_again() -> None:
    before = File(path=OLD_ASSET.path, size=1, sha256=OLD_ASSET.sha256, content_type="text/x", cache="immutable")
    assert paths(uploads(manifest(OLD_ASSET), manifest(before)).assets) == [OLD_ASSET.path]


def test_switch_writes_only_what_changed() -> None:
    robots = file("robots.txt")
    found = plan.switch(
        target=manifest(NEW_ASSET, file("index.html", "b"), file("version.json", "b"), robots),
        active=manifest(OLD_ASSET, PAGE, VERSION, robots),
        config_changed=False,
    )
    assert paths(found.other) == ["version.json"]
    assert paths(found.pages) == ["index.html"]
    assert found.invalidate == ["/", "/index.html", "/version.json"]


def test_switch_writes_everything_that_is_mutable_when_it_is_not_known_what_is_there() -> None:
    found = plan.switch(target=manifest(OLD_ASSET, PAGE, VERSION), active=None, config_changed=True)
    assert paths(found.other) == ["version.json"]
    assert found.invalidate == ["/", "/config.json", "/index.html", "/version.json"]


def test_root_page_is_the_very_last() -> None:
    found = plan.switch(
        target=manifest(PAGE, file("a.html"), file("zebra.html"), file("help/index.html")),
        active=None,
        config_changed=False,
    )
    assert paths(found.pages) == ["a.html", "help/index.html", "zebra.html", "index.html"]
    assert found.other == []


def test_nothing_changed_is_nothing_to_do() -> None:
    site = manifest(OLD_ASSET, PAGE)
    found = plan.switch(target=site, active=site, config_changed=False)
    assert (found.other, found.pages, found.config, found.invalidate) == ([], [], False, [])


def test_invalidation_paths_are_quoted_as_the_cdn_compares_them() -> None:
    assert plan.invalidation(["Ü b.txt", "a(1).js", "50%.txt", "any*", "what?", "~x"]) == [
        "/%C3%9C%20b.txt",
        "/50%25.txt",
        "/a(1).js",
        "/any%2A",
        "/what%3F",
        "/~x",
    ]


def test_only_the_root_page_is_also_the_root() -> None:
    assert plan.invalidation(["help/index.html"]) == ["/help/index.html"]


def test_very_many_paths_become_one() -> None:
    many = [f"{number}.txt" for number in range(plan.MAX_INVALIDATION_PATHS)]
    assert len(plan.invalidation(many)) == plan.MAX_INVALIDATION_PATHS
    assert plan.invalidation([*many, "one more"]) == ["/*"]


def test_kept_are_the_last_staged_the_last_active_and_the_named() -> None:
    found = plan.keep(complete=["e", "d", "c", "b", "a"], history=["a", "e", "b"], count=2, named=["x"])
    assert found == {"e", "d", "a", "x"}


def test_removable_is_what_no_manifest_in_force_names() -> None:
    assert plan.removable(removed=manifest(OLD_ASSET, PAGE), kept={"index.html"}) == [OLD_ASSET.path]
