from collections.abc import Iterable

import pytest

from release.static import plan
from release.static.catalog import Catalog, Expiring, Purged
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


def catalog(*staged: Manifest) -> Catalog:
    found = Catalog()
    for one in staged:
        found = found.add(one, etags={}, staged_at="2026-11-23")
    return found


def uploads(target: Manifest, *staged: Manifest) -> plan.Uploads:
    return plan.uploads(manifest=target, catalog=catalog(*staged))


def test_first_release_uploads_everything_and_no_page_to_the_site() -> None:
    found = uploads(manifest(OLD_ASSET, PAGE, file("version.json", "b")))
    assert paths(found.assets) == ["assets/index-DiwrgTda.js"]
    assert paths(found.blobs) == ["index.html", "version.json"]


def test_what_any_staged_release_has_is_not_uploaded_again() -> None:
    found = uploads(manifest(OLD_ASSET, NEW_ASSET, PAGE), manifest(OLD_ASSET), manifest(PAGE))
    assert paths(found.assets) == ["assets/index-Qx3_8fKz.js"]
    assert found.blobs == []


def test_same_content_under_two_names_is_uploaded_once() -> None:
    assert len(uploads(manifest(PAGE, file("copy.html"))).blobs) == 1


def test_what_an_interrupted_staging_left_is_not_uploaded_again() -> None:
    target = manifest(OLD_ASSET, NEW_ASSET, PAGE, file("version.json", "b"))
    found = plan.uploads(manifest=target, catalog=Catalog(), assets={OLD_ASSET.path}, blobs={PAGE.sha256})
    assert (paths(found.assets), paths(found.blobs)) == ([NEW_ASSET.path], ["version.json"])


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


def test_purged_content_is_refused_by_who_purged_it_and_other_content_is_not() -> None:
    purged = Purged(path="data.csv", sha256="b" * 64, at="2026-11-23", by="somebody")
    plan.check_purged(manifest(PAGE, file("data.csv")), [purged])
    with pytest.raises(StaticReleaseError, match=r"data\.csv of 1 .* was purged here by somebody at 2026-11-23"):
        plan.check_purged(manifest(PAGE, file("data.csv", "b")), [purged])


def test_what_is_purged_in_the_environment_before_counts_if_the_release_has_it() -> None:
    data, other = (Purged(path=path, sha256="b" * 64, at="t", by="x") for path in ("data.csv", "other.csv"))
    target = manifest(PAGE, file("data.csv", "b"))
    assert plan.purged(target, here=(), upstream=(data, other)) == (data,)
    assert plan.purged(target, here=(data,), upstream=(data, other)) == (data,)


def switch(target: Manifest, active: Manifest | None, *, config_changed: bool = False) -> plan.Switch:
    there = {one.path for one in active.mutable} if active else set()
    left = plan.leftover(target=target, others=[active] if active else [], assets={})
    return plan.switch(target=target, active=active, present=there, leftover=left, config_changed=config_changed)


def test_switch_writes_only_what_changed() -> None:
    robots = file("robots.txt")
    found = switch(
        manifest(NEW_ASSET, file("index.html", "b"), file("version.json", "b"), robots),
        manifest(OLD_ASSET, PAGE, VERSION, robots),
    )
    assert paths(found.other) == ["version.json"]
    assert [paths(wave) for wave in found.pages] == [["index.html"]]
    assert found.removed == []
    assert found.invalidate == ["/", "/index.html", "/version.json"]


def test_switch_writes_everything_that_is_mutable_when_it_is_not_known_what_is_there() -> None:
    found = switch(manifest(OLD_ASSET, PAGE, VERSION), None, config_changed=True)
    assert paths(found.other) == ["version.json"]
    assert found.invalidate == ["/", "/config.json", "/index.html", "/version.json"]


def test_new_pages_come_before_those_that_may_link_to_them_and_the_root_page_is_the_very_last() -> None:
    found = switch(
        manifest(file("index.html", "b"), file("a.html"), file("zebra.html", "b"), file("help/index.html")),
        manifest(PAGE, file("zebra.html")),
    )
    assert [paths(wave) for wave in found.pages] == [["a.html", "help/index.html"], ["zebra.html"], ["index.html"]]
    assert found.other == []


def test_files_that_keep_their_names_go_with_the_release_that_had_them() -> None:
    found = switch(manifest(PAGE), manifest(OLD_ASSET, PAGE, file("old.html"), file(".env")))
    assert found.removed == [".env", "old.html"], "the content-hashed one lingers"
    assert found.invalidate == ["/.env", "/old.html"]


def test_what_another_release_has_as_a_content_hashed_file_stays() -> None:
    left = plan.leftover(target=manifest(PAGE), others=[manifest(file("a.js"), file("b.js"))], assets={"a.js"})
    assert left == {"b.js"}


def test_nothing_changed_is_nothing_to_do() -> None:
    site = manifest(OLD_ASSET, PAGE)
    found = switch(site, site)
    assert (found.other, found.pages, found.config, found.removed, found.invalidate) == ([], [], False, [], [])


def test_common_prefix_is_what_all_paths_begin_with() -> None:
    assert plan.common_prefix([OLD_ASSET, NEW_ASSET]) == "assets/index-"
    assert plan.common_prefix([file("a/b.js"), file("c/d.js")]) == ""
    assert plan.common_prefix([]) == ""


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


def expired(kept: dict[int, Manifest], *staged: Manifest) -> Catalog:
    """What is left when of some staged releases (counted from 1) those that are not `kept` go."""
    there = catalog(*staged)
    removed = [one for one in there.staged if one.number not in kept]
    last = max(one.number for one in removed)
    return there.without(removed, [(number, one) for number, one in kept.items() if number < last])


def test_what_only_removed_releases_name_expires() -> None:
    one, two = manifest(OLD_ASSET, file("index.html", "b")), manifest(NEW_ASSET, PAGE)
    left = expired({2: two}, one, two)
    assert (set(left.assets), set(left.blobs)) == ({NEW_ASSET.path}, {PAGE.sha256})
    assert (left.expiring.manifests, left.expiring.assets) == ((one.digest,), (OLD_ASSET.path,))
    assert left.expiring.blobs == ("b" * 64,)


def test_what_an_older_release_that_stays_names_is_kept_also_when_it_goes_later() -> None:
    one, two, three = manifest(OLD_ASSET, PAGE), manifest(OLD_ASSET, PAGE, VERSION), manifest(NEW_ASSET, VERSION)
    left = expired({1: one, 3: three}, one, two, three)
    assert set(left.assets) == {OLD_ASSET.path, NEW_ASSET.path}
    assert left.expiring.assets == ()
    later = left.without([one_ for one_ in left.staged if one_.number == 1], [])
    assert later.expiring.assets == (OLD_ASSET.path,)


def test_what_is_staged_again_while_it_expires_is_not_deleted() -> None:
    one, two = manifest(OLD_ASSET, file("index.html", "b")), manifest(NEW_ASSET, PAGE)
    again = expired({2: two}, one, two).add(one, etags={}, staged_at="t")
    assert again.expiring == Expiring()


def test_catalog_comes_back_as_it_was_written() -> None:
    written = expired({2: manifest(PAGE)}, manifest(OLD_ASSET, PAGE), manifest(PAGE))
    assert Catalog.from_json(written.to_json()) == written
