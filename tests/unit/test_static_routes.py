"""What the edge knows of the site's paths, against a store in memory."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import pytest

from release.static import routes
from release.static.content import cache_class, content_type
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.static.store import Site
from settings.site_build import Pages
from tests.unit.fake_key_value_store import ARN, FakeKeyValueStore, refusal

SITE = Site(bucket="site", records_bucket="records", distribution_id="E1", url="https://site.example", routes=ARN)
MANY = [f"guide/{number}.html" for number in range(120)]


def manifest(*paths: str, pages: Pages = "single") -> Manifest:
    return Manifest(
        pages=pages,
        version="1",
        files=tuple(
            File(path=path, size=1, sha256="a" * 64, content_type=content_type(path), cache=cache_class(path))
            for path in sorted({"index.html", "version.json", *paths})
        ),
    )


def release(store: FakeKeyValueStore, before: Manifest | None, after: Manifest, site: Site = SITE) -> None:
    """What an activation asks of the store."""
    with routes.moved(client=lambda: store, site=site, before=before, after=after):
        assert store.items.keys() >= routes.items(after).keys() or site.routes is None


def test_the_store_has_the_paths_that_are_asked_for_and_what_others_get() -> None:
    store = FakeKeyValueStore()
    release(store, None, manifest("LICENSE", "assets/index-DiwrgTda.js", "assets/photo.jpg", "assets/a/index.html"))
    assert store.items == {
        "/": "/index.html",
        **dict.fromkeys(("LICENSE", "assets/a/index.html", "config.json", "index.html", "version.json"), "1"),
    }


def test_keys_are_as_the_edge_writes_paths() -> None:
    paths = [
        "größe/Übersicht mit Leerzeichen.txt",
        "100%.txt",
        "a'(b),c;d@e&f=g$h!i~j*.txt",
        "what?.txt",
        "a#b",
        '"[]<|`^',
    ]
    script = "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(encodeURI)))"
    done = subprocess.run(["node", "-e", script, json.dumps(paths)], capture_output=True, text=True, check=True)
    assert routes.items(manifest(*paths)).keys() - routes.items(manifest()).keys() == set(json.loads(done.stdout))


def test_a_folder_with_content_hashed_files_is_known_and_assets_needs_not_be() -> None:
    paths = ("_astro/index.DiwrgTda.css", "_next/static/css/4f3c2a1b9d8e7f60.css", "assets/index-DiwrgTda.js")
    folders = {key for key in routes.items(manifest(*paths, "docs/index.html")) if key.startswith("/")}
    assert folders == {"/", "/_astro/", "/_next/"}


@pytest.mark.parametrize(
    ("paths", "pages", "rest"),
    [
        (("404.html",), "single", "/index.html"),
        (("404.html",), "multi", "/404.html"),
        (("docs/404.html",), "multi", "none"),
    ],
)
def test_what_other_paths_get_is_of_the_build(paths: Sequence[str], pages: Pages, rest: str) -> None:
    assert routes.items(manifest(*paths, pages=pages))["/"] == rest


def test_what_other_paths_get_changes_after_the_pages_and_with_the_release_that_is_gone_back_to() -> None:
    store, one, many = FakeKeyValueStore(), manifest(), manifest("404.html", pages="multi")
    release(store, None, one)
    store.calls.clear()
    with routes.moved(client=lambda: store, site=SITE, before=one, after=many):
        assert store.items["/"] == "/index.html"
    assert (store.items["/"], store.calls) == ("/404.html", ["describe", "update", "describe", "update"])
    release(store, None, one)
    assert store.items == routes.items(one)


def test_a_release_without_a_new_or_removed_path_asks_nothing() -> None:
    store = FakeKeyValueStore()
    release(store, None, manifest("a.html"))
    store.calls.clear()
    release(store, manifest("a.html"), replace(manifest("a.html"), version="2"))
    assert store.calls == []


def test_a_site_without_a_store_asks_nothing() -> None:
    store = FakeKeyValueStore()
    release(store, None, manifest("a.html"), replace(SITE, routes=None))
    assert store.calls == []


def test_what_changed_is_written_in_as_many_requests_as_it_takes() -> None:
    store = FakeKeyValueStore()
    release(store, None, manifest(*MANY))
    assert store.calls == ["list", "describe", "update", "update", "update"], "124 keys, 50 a request"
    store.calls.clear()
    release(store, manifest(*MANY), manifest(*MANY[:60], "new.html"))
    assert store.calls == ["describe", "update", "describe", "update", "update"], "one is new, 60 go"
    assert store.items == routes.items(manifest(*MANY[:60], "new.html"))


def end_early(moved: AbstractContextManager[None]) -> None:
    with moved:
        raise InterruptedError


def test_keys_go_only_when_their_files_have_gone() -> None:
    store = FakeKeyValueStore()
    release(store, None, manifest("old.html"))
    moved = routes.moved(client=lambda: store, site=SITE, before=manifest("old.html"), after=manifest("new.html"))
    with pytest.raises(InterruptedError):
        end_early(moved)
    assert {"old.html", "new.html"} <= set(store.items)


def test_the_key_of_all_other_paths_comes_last_of_a_first_release() -> None:
    """Until then the edge goes by a path's form; a page that has no key yet would be the application's."""
    store, seen = FakeKeyValueStore(), []
    store.after = lambda _: seen.append("/" in store.items)
    release(store, None, manifest(*MANY))
    assert seen == [False, False, True]


@pytest.mark.parametrize("killed_at", range(5))
def test_what_a_killed_run_left_is_put_right_by_the_next(killed_at: int) -> None:
    store, before, after = FakeKeyValueStore(), manifest(*MANY), manifest(*MANY[:10], *(f"x{i}" for i in range(70)))
    release(store, None, before)
    left = killed_at

    def kill(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    store.after = kill
    try:
        release(store, before, after)
    except KeyboardInterrupt:
        store.after = lambda _: None
    store.after = lambda _: None
    for target in (before, after):  # undone, or continued
        release(store, None, target)
        assert store.items == routes.items(target)


def test_a_value_that_somebody_changed_by_hand_is_put_right() -> None:
    store = FakeKeyValueStore()
    release(store, None, manifest("a.html"))
    store.items["/"] = "/other.html"
    release(store, None, manifest("a.html"))
    assert store.items == routes.items(manifest("a.html"))


def test_an_update_whose_answer_was_lost_is_not_repeated() -> None:
    """botocore sends it again, with the ETag of before."""
    store = FakeKeyValueStore()
    release(store, None, manifest("old.html"))
    changed = store.update_keys

    def twice(**arguments: object) -> object:
        changed(**arguments)  # type: ignore[arg-type]  # boto3's own
        return changed(**arguments)  # type: ignore[arg-type]  # boto3's own

    store.update_keys = twice  # type: ignore[assignment,method-assign]  # loses the first answer
    release(store, manifest("old.html"), manifest("new.html"))
    assert store.items == routes.items(manifest("new.html"))


def test_somebody_else_s_change_is_read_and_gone_on_from() -> None:
    store = FakeKeyValueStore()
    release(store, None, manifest("old.html", "gone.html"))
    del store.items["gone.html"]
    release(store, manifest("old.html", "gone.html"), manifest("new.html"))
    assert store.items == routes.items(manifest("new.html"))


def test_somebody_who_never_ends_is_an_error() -> None:
    store = FakeKeyValueStore()

    def describe(**_: object) -> dict[str, str]:
        return {"ETag": "another"}

    store.describe_key_value_store = describe  # type: ignore[method-assign]  # always behind
    with pytest.raises(StaticReleaseError, match="goes on changing"):
        release(store, None, manifest())


@pytest.mark.parametrize(
    ("code", "said"), [("AccessDeniedException", "write the site's paths to arn"), ("Other", "Other")]
)
def test_what_aws_refuses_is_said_in_a_line(code: str, said: str) -> None:
    store = FakeKeyValueStore()

    def refuse(**_: object) -> None:
        raise refusal(code)

    store.update_keys = refuse  # type: ignore[assignment,method-assign]  # refuses
    with pytest.raises(StaticReleaseError, match=said):
        release(store, None, manifest())


def test_more_paths_than_a_store_takes_are_refused_before_anything_is_written() -> None:
    fits = manifest(*(f"{number:07}{'x' * 480}" for number in range(10_000)))
    routes.check(fits)
    too_many = manifest(*(f"{number:07}{'x' * 480}" for number in range(10_400)))
    with pytest.raises(StaticReleaseError, match=r"10402 files are 50.* bytes.* takes 5000000: publish fewer files"):
        routes.check(too_many)


def test_old_keys_make_room_where_both_do_not_fit() -> None:
    named = partial("{:07}{}{}".format)
    before = manifest(*(named(number, "a", "x" * 470) for number in range(6_000)))
    after = manifest(*(named(number, "b", "x" * 470) for number in range(6_000)))
    store = FakeKeyValueStore()
    store.items = routes.items(before)
    release(store, before, after)
    assert store.items == routes.items(after)


def test_a_path_that_is_too_long_for_a_key_has_none() -> None:
    store = FakeKeyValueStore()
    release(store, None, manifest("ü" * 90))
    assert store.items == routes.items(manifest())
