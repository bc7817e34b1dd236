"""What the edge serves for a path: files of the site, folders, and for the rest the application, or a miss.

The requests to the key value store are signed and authorized as at AWS: with the rights of CI's deploy role for it, and
nothing else.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from components import ci_access, viewer_request
from components.ci_scope import Scope
from local.emulator import process
from release import sigv4a
from release.static import routes
from release.static.store import Site
from tests.local import authorized_emulator
from tests.local.site_world import ONE, TWO, World, build, client, make_world

ACCOUNT = "000000000000"
SCOPE = Scope(
    partition="aws",
    account=ACCOUNT,
    project="easi",
    environment="dev",
    before=(),
    role_path="/",
    permissions_boundary=None,
    state_bucket="state",
    state_key_arn="arn:aws:kms:us-west-2:000000000000:key/1",
    hosted_zone_ids=(),
)
APPLICATION = ("/users/jane.doe", "/v1.2.3", "/report.pdf", "/settings", "/settings/", "/docs/none")
FILES = {
    "LICENSE": b"MIT",
    ".well-known/apple-app-site-association": b"{}",
    "docs/index.html": b"docs",
    "docs/guide.html": b"guide",
    "100%.txt": b"percent",
    "what?.txt": b"question",
    "it's (a) b,c;d@e&f=g$h!i~j.txt": b"odd",
}
ODD = {
    "/100%25.txt": b"percent",
    "/what%3F.txt": b"question",
    "/it's%20(a)%20b,c;d@e&f=g$h!i~j.txt": b"odd",
    "/it%27s%20%28a%29%20b%2Cc%3Bd%40e%26f%3Dg%24h%21i~j.txt": b"odd",
    "/images/%C3%9Cbersicht%20mit%20Leerzeichen.txt": "größer".encode(),
}


@dataclass
class Edge:
    world: World
    endpoint: str

    @property
    def site(self) -> Site:
        return self.world.site

    @property
    def arn(self) -> str:
        assert self.site.routes
        return self.site.routes

    def body(self, path: str) -> bytes:
        status, body, _ = self.world.get(path)
        assert status == 200, (path, status, body)
        return body

    def associate(self, **code: str) -> None:
        """Functions by event, each with the store, as the site's components make them."""
        cloudfront = self.world.cloudfront.client
        arns = {}
        for event, text in code.items():
            made = cloudfront.create_function(
                Name=f"{self.site.bucket}-{event}",
                FunctionConfig={
                    "Comment": "",
                    "Runtime": "cloudfront-js-2.0",
                    "KeyValueStoreAssociations": {"Quantity": 1, "Items": [{"KeyValueStoreARN": self.arn}]},
                },
                FunctionCode=text.encode(),
            )
            cloudfront.publish_function(Name=f"{self.site.bucket}-{event}", IfMatch=made["ETag"])
            arns[event] = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
        current = cloudfront.get_distribution_config(Id=self.site.distribution_id)
        default = current["DistributionConfig"]["DefaultCacheBehavior"]
        items = default.get("FunctionAssociations", {}).get("Items", [])
        items += [{"EventType": event, "FunctionARN": arn} for event, arn in arns.items()]
        default["FunctionAssociations"] = {"Quantity": len(items), "Items": items}
        # Paths of a service, which has no function: here, too, the bucket answers for it.
        api = {key: value for key, value in default.items() if key != "FunctionAssociations"} | {
            "PathPattern": "/api/*"
        }
        current["DistributionConfig"]["CacheBehaviors"] = {"Quantity": 1, "Items": [api]}
        cloudfront.update_distribution(
            Id=self.site.distribution_id, IfMatch=current["ETag"], DistributionConfig=current["DistributionConfig"]
        )

    def asked_once(self, path: str) -> tuple[int, str]:
        """Status, and the address that a redirect leads to."""
        connection = http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=10)
        connection.request("GET", path, headers={"Host": str(self.site.url).split("//")[1]})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Location", "")

    def store(self, *actions: str) -> Any:
        """The data plane, with the rights of the deploy role; or with those of its `actions` alone."""
        (whole,) = [each for each in ci_access.deploy(SCOPE) if each["Sid"] == "Routes"]
        statement = {**whole, "Action": [f"cloudfront-keyvaluestore:{name}" for name in actions] or whole["Action"]}
        iam = client(self.endpoint, "iam")
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=document(trust))
        iam.put_role_policy(RoleName="deploy", PolicyName="routes", PolicyDocument=document(statement))
        role = client(self.endpoint, "sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/deploy", RoleSessionName="test"
        )["Credentials"]
        session = boto3.Session(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"], "us-west-2")
        sigv4a.install(session)
        return session.client("cloudfront-keyvaluestore", endpoint_url=self.endpoint)


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("emulator")
    try:
        yield authorized_emulator.start(folder).endpoint
    finally:
        process.stop(folder, print)


@pytest.fixture
def edge(endpoint: str) -> Edge:
    """A distribution with the function and the store that a site's components make."""
    world = make_world(endpoint)
    cloudfront, name = world.cloudfront.client, world.site.bucket
    store = cloudfront.create_key_value_store(Name=name)["KeyValueStore"]["ARN"]
    world.site = replace(world.site, routes=store)
    edge = Edge(world=world, endpoint=endpoint)
    edge.associate(**{"viewer-request": viewer_request.CODE})
    world.routes_client = edge.store
    return edge


def test_each_path_gets_what_the_site_has_for_it(edge: Edge, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE, **FILES)
    edge.world.release(folder)
    page = (folder / "index.html").read_bytes()
    for path in ("LICENSE", ".well-known/apple-app-site-association", "docs/guide.html", "version.json", "empty.txt"):
        assert edge.body(f"/{path}") == (folder / path).read_bytes(), path
    for path, content in ODD.items():
        assert edge.body(path) == content, path
    assert [edge.body(path) for path in ("/docs/", "/docs", "/docs/index.html")] == [b"docs"] * 3
    assert edge.body("/config.json") == b'{\n "environment": "dev"\n}\n'
    for path in ("/", *APPLICATION):
        assert edge.body(path) == page, path
    assert edge.world.get("/assets/index-1111Xy_9.js")[1] == ONE.encode()
    for path in ("/assets/index-2222Xy_9.js", "/assets/gone", "/assets/gone/"):
        status, body, fields = edge.world.get(path)
        assert (status, b"<!doctype html>" in body, fields["Content-Type"]) == (404, False, "application/xml"), path


PAGES = {
    "404.html": b"<!doctype html><p>no such page",
    "about/index.html": b"<!doctype html><p>about<a href=team>team</a>",
    "team.html": b"<!doctype html><p>team",
    "_astro/page.0ldHash1.js": b"old",
}


@pytest.fixture
def many(edge: Edge) -> Edge:
    """As a site of many pages has it."""
    edge.associate(**{"viewer-response": viewer_request.RESPONSE_CODE})
    return edge


def test_site_of_many_pages_has_an_address_for_each_and_a_404_for_the_rest(many: Edge, tmp_path: Path) -> None:
    folder = build(tmp_path, ONE, **PAGES)
    many.world.release(folder, pages="multi")  # which reads a miss back
    assert [many.asked_once(path) for path in ("/about", "/about?a=1&b", "/team/")] == [
        (302, "/about/"),
        (302, "/about/?a=1&b"),
        (302, "/team"),
    ]
    for path, file in (("/about/", "about/index.html"), ("/team", "team.html"), ("/", "index.html")):
        assert many.body(path) == PAGES.get(file, (folder / "index.html").read_bytes()), path
    assert many.body("/robots.txt") == b"User-agent: *"
    for path in (*APPLICATION, "/none", "/none/", "/404.html"):
        status, body, fields = many.world.get(path)
        assert (status, body) == (404, PAGES["404.html"]), path
        assert fields["Content-Type"].startswith("text/html"), path
    for path in ("/assets/none.js", "/api/v1/none"):
        status, body, _ = many.world.get(path)
        assert (status, b"<!doctype html>" in body) == (404, False), path


def test_site_of_many_pages_without_a_page_for_a_miss_answers_404_all_the_same(many: Edge, tmp_path: Path) -> None:
    many.world.release(build(tmp_path, ONE, **{"about.html": b"<!doctype html><p>about"}), pages="multi")
    assert many.body("/about") == b"<!doctype html><p>about"
    for path in ("/none", "/none/", "/users/jane.doe"):
        status, body, _ = many.world.get(path)
        assert (status, b"<!doctype html>" in body) == (404, False), path


def test_what_a_site_is_follows_its_releases_back_and_forth(many: Edge, tmp_path: Path) -> None:
    one, two = build(tmp_path / "one", ONE), build(tmp_path / "two", TWO, **PAGES)
    many.world.release(one)
    page = (one / "index.html").read_bytes()
    assert many.body("/settings") == page
    many.world.release(two, pages="multi")
    assert many.world.get("/settings")[:2] == (404, PAGES["404.html"])
    many.world.release(one)
    assert many.body("/settings") == page


def test_page_that_is_open_loads_its_hashed_files_after_the_next_release(edge: Edge, tmp_path: Path) -> None:
    new = {"_astro/page.newHash2.js": b"new"}
    edge.world.release(build(tmp_path / "one", ONE, **PAGES))
    edge.world.release(build(tmp_path / "two", TWO, **new))
    assert (edge.body("/_astro/page.0ldHash1.js"), edge.body("/_astro/page.newHash2.js")) == (b"old", b"new")
    status, body, _ = edge.world.get("/_astro/page.goneHsh3.js")
    assert (status, b"<!doctype html>" in body) == (404, False)


def test_paths_follow_the_releases(edge: Edge, tmp_path: Path) -> None:
    one = build(tmp_path / "one", ONE, **{"old.txt": b"old", "docs/index.html": b"docs"})
    two = build(tmp_path / "two", TWO, LICENSE=b"MIT")
    edge.world.release(one)
    for folder, there, gone in (
        (two, ["/LICENSE"], ["/old.txt", "/docs", "/docs/"]),
        (one, ["/old.txt"], ["/LICENSE"]),
    ):
        edge.world.release(folder)
        page = (folder / "index.html").read_bytes()
        assert [edge.body(path) for path in there] == [(folder / path[1:]).read_bytes() for path in there]
        assert [edge.body(path) for path in gone] == [page] * len(gone)


def test_a_site_that_was_published_before_there_was_a_store_is_known_to_it_after_the_next_run(
    edge: Edge, tmp_path: Path
) -> None:
    folder, site = build(tmp_path, ONE, LICENSE=b"MIT"), edge.site
    page = (folder / "index.html").read_bytes()
    edge.world.site = replace(site, routes=None)
    edge.world.release(folder)
    assert [edge.body(path) for path in ("/", "/LICENSE", "/robots.txt")] == [page, page, b"User-agent: *"]
    edge.world.site = site
    edge.world.release(folder)
    assert edge.body("/LICENSE") == b"MIT"
    edge.world.routes_client = routes.no_client
    edge.world.release(folder)  # asks nothing of it


@pytest.mark.parametrize("missing", ["DescribeKeyValueStore", "ListKeys", "UpdateKeys"])
def test_the_deploy_role_has_no_right_to_the_store_that_it_does_not_need(edge: Edge, missing: str) -> None:
    needed: dict[str, dict[str, Any]] = {
        "DescribeKeyValueStore": {"KvsARN": edge.arn},
        "ListKeys": {"KvsARN": edge.arn},
        "UpdateKeys": {"KvsARN": edge.arn, "IfMatch": "none", "Puts": [{"Key": "a", "Value": "1"}]},
    }
    store = edge.store(*(name for name in needed if name != missing))
    methods = {
        "DescribeKeyValueStore": store.describe_key_value_store,
        "ListKeys": store.list_keys,
        "UpdateKeys": store.update_keys,
    }
    for name, arguments in needed.items():
        try:
            methods[name](**arguments)
            answer = "allowed"
        except ClientError as error:
            answer = error.response["Error"]["Code"]
        assert (answer == "AccessDeniedException") is (name == missing), (name, answer)
