"""`python -m release site` as processes of its own, against an endpoint that answers as S3 does."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.bench import endpoint
from tests.bench.endpoint import Endpoint

ROOT: Final = Path(__file__).parents[2]
ONE, TWO = "1" * 40, "2" * 40
BOTO3: Final = {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
"""What `pip install boto3` installs."""


@dataclass
class World:
    at: Endpoint
    folder: Path

    def build(self, version: str, *, pages: int = 20) -> str:
        folder = self.folder / version
        folder.mkdir(exist_ok=True)
        (folder / "index.html").write_text(f"<p>{version}")
        (folder / "version.json").write_text(json.dumps({"version": version}))
        for number in range(pages):
            (folder / f"page{number}.html").write_text(f"<p>{version} {number}")
        return str(folder)

    def words(self, verb: str, *words: str) -> list[str]:
        buckets = ("--bucket", "site", "--records-bucket", "records")
        return ["-m", "release", "site", verb, *words, *buckets]

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        given = {
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_ENDPOINT_URL": self.at.url,
            "AWS_CONFIG_FILE": str(self.folder / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
            **environment,
        }
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=kept | {key: value for key, value in given.items() if value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Exit status, output and errors."""
        started = self.start(*words, **environment)
        out, err = started.communicate(timeout=300)
        return started.returncode, out, err

    def publish(self, version: str, **environment: str) -> tuple[int, str, str]:
        return self.run(*self.words("publish", "--dist", self.build(version)), **environment)


@pytest.fixture(scope="module")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with endpoint.running(endpoint.build(tmp_path_factory.mktemp("endpoint"))) as started:
        yield started


@pytest.fixture
def world(s3_endpoint: Endpoint, tmp_path: Path) -> World:
    s3_endpoint.faults()
    s3_endpoint.reset(objects=True)
    return World(s3_endpoint, tmp_path)


def imported(importtime: str) -> set[str]:
    return set(re.findall(r"^import time: .*\| +(\S+)$", importtime, re.M))


def test_a_site_is_published_and_restored_and_a_publish_without_a_change_imports_little(world: World) -> None:
    code, out, err = world.publish(ONE)
    assert (code, out.splitlines()[-1:], err) == (
        0,
        ["The site is 111111111111: 22 of 22 files written, 0 removed"],
        "",
    )

    world.at.reset()
    code, out, err = world.run("-X", "importtime", *world.words("publish", "--dist", world.build(ONE)))
    assert (code, out.splitlines()[-1:]) == (0, ["The site is 111111111111 already: nothing was changed, 22 files"])
    assert world.at.counts() == {"GET": 1}
    modules = imported(err)
    ours = {"cli", "cli.lines", "cli.main", "cli.site", "cli.site.publish", "cli.site.target"}
    assert {name for name in modules if name.startswith("cli")} <= ours
    heavy = ("boto3", "botocore.session", "functions.redaction", "html", "pulumi", "subprocess", "xml")
    assert {name for name in modules if name.startswith(heavy)} == set()

    assert world.publish(TWO)[0] == 0
    code, out, err = world.run("-X", "importtime", *world.words("restore", "1111"))
    assert (code, out.splitlines()[-1:]) == (0, ["The site is 111111111111: 22 of 22 files written, 0 removed"])
    code, out, _ = world.run(*world.words("status", "--json"))
    assert (code, json.loads(out)["active"]["version"]) == (0, ONE)


def test_boto3_is_all_that_it_needs(world: World) -> None:
    _, _, err = world.run("-X", "importtime", *world.words("publish", "--dist", world.build(ONE)))
    installed = {path.stem for path in Path(sysconfig.get_path("purelib")).iterdir()}
    tops = {name.partition(".")[0] for name in imported(err)} & installed
    assert tops - BOTO3 - {"_distutils_hack"} == set()


def test_what_the_output_cannot_encode_is_escaped(world: World) -> None:
    folder = Path(world.build(ONE)).rename(world.folder / "größe")
    code, out, err = world.run(*world.words("publish", "--dist", str(folder)), PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert "/gr\\xf6\\xdfe: 22 files" in out


def test_one_that_was_killed_in_the_middle_is_continued(world: World) -> None:
    world.publish(ONE)
    world.at.faults({"kind": "COPY", "key": "index.html", "times": 1, "how": "hang", "seconds": 60})
    started = world.start(*world.words("publish", "--dist", world.build(TWO)))
    for _ in range(600):
        code, out, _ = world.run(*world.words("status", "--json"))
        if json.loads(out)["unfinished"]:
            break
        time.sleep(0.1)
    started.send_signal(signal.SIGKILL)
    started.communicate()
    world.at.faults()

    code, out, _ = world.run(*world.words("status"))
    assert code == 1
    assert "a switch to 222222222222 began" in out

    code, out, err = world.publish(TWO)
    assert (code, out.splitlines()[-1:], err) == (
        0,
        ["The site is 222222222222: 22 of 22 files written, 0 removed"],
        "",
    )
    assert world.run(*world.words("status"))[0] == 0


def test_after_one_that_was_interrupted_in_the_middle_another_release_is_published(world: World) -> None:
    world.publish(ONE)
    world.at.faults({"kind": "COPY", "key": "index.html", "times": 1, "how": "hang", "seconds": 60})
    started = world.start(*world.words("publish", "--dist", world.build(TWO)))
    for _ in range(600):
        if json.loads(world.run(*world.words("status", "--json"))[1])["unfinished"]:
            break
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    world.at.faults()
    assert started.returncode == 130
    assert err.startswith(
        "the site may have files of two releases. To end that, run this again\n  or to go back:  python"
    )
    assert err.endswith("\ninterrupted\n")
    code, out, err = world.publish("3" * 40)
    assert (code, out.splitlines()[-1:], err) == (
        0,
        ["The site is 333333333333: 22 of 22 files written, 0 removed"],
        "",
    )


@pytest.mark.parametrize(
    ("environment", "fault", "says"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, None, "there are no AWS credentials here"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_PROFILE": "nobody"}, None, "The config profile (nobody) could not be found"),
        ({}, "403 AccessDenied", "AccessDenied"),
        ({}, "404 NoSuchBucket", "NoSuchBucket"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, None, "127.0.0.1:9"),
        ({"AWS_ACCESS_KEY_ID": "AKID\n"}, None, "AWS_ACCESS_KEY_ID has a new line"),
        ({"AWS_SECRET_ACCESS_KEY": " S3CRET"}, None, "AWS_SECRET_ACCESS_KEY has a new line"),
        ({"AWS_SESSION_TOKEN": "S3CRET\n"}, None, "AWS_SESSION_TOKEN has a new line"),
        ({"AWS_SESSION_TOKEN": "S3CRETü", "AWS_USE_FIPS_ENDPOINT": "true"}, None, "AWS_SESSION_TOKEN has a new line"),
        ({"AWS_DEFAULT_REGION": "us-west-2\n"}, None, "AWS_DEFAULT_REGION has a new line"),
        ({"AWS_DEFAULT_REGION": "us-west-2\n", "AWS_ENDPOINT_URL": ""}, None, "AWS_DEFAULT_REGION has a new line"),
        (
            {"AWS_DEFAULT_REGION": "", "AWS_REGION": "us-west-2"},
            None,
            "no region is set: set AWS_DEFAULT_REGION, or region in the profile (boto3 does not read AWS_REGION)",
        ),
        ({"AWS_ENDPOINT_URL": "http://exämple.org"}, None, "is no endpoint of S3: expected https://host"),
    ],
)
def test_what_hinders_it_is_one_clear_message(
    world: World, environment: dict[str, str], fault: str | None, says: str
) -> None:
    if fault:
        world.at.faults({"kind": "GET", "times": 9, "how": fault})
    code, out, err = world.publish(ONE, **environment)
    print(err)
    assert (code, len(out.splitlines())) == (1, 1)
    assert says in err
    assert len(err.splitlines()) == 1
    assert "S3CRET" not in err
    assert world.at.counts().get("PUT", 0) == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("publish", "--dist", "nowhere"), 1),
        (("publish",), 2),
        (("restore", "abcd1234"), 2),
        (("purge", "index.html"), 1),
    ],
)
def test_bad_input_is_one_clear_message(world: World, words: tuple[str, ...], code: int) -> None:
    found, out, err = world.run(*world.words(*words))
    print(err)
    assert (found, out) == (code, "")
    assert "Traceback" not in err
    assert not any("PUT" in kind for kind in world.at.counts())
