"""States of earlier programs, and states that somebody wrote: taken over, or refused, and never run."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dill
import pytest

from release.stack import BEFORE, RELEASE
from tests.local.clone import Clone

OLD, NEW = (f"urn:pulumi:dev::easi::{kind}::release" for kind in (BEFORE, RELEASE))
PLANTED = "urn:pulumi:dev::easi::pulumi-python:dynamic:Resource::planted"


class Bomb:
    """Code in the place of a dynamic resource's provider: it makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def before(easi: Clone, tmp_path: Path) -> Iterator[str]:
    """The outputs of dev, whose state is as a program wrote it whose Release was a dynamic resource."""
    state = easi.shell("pulumi stack export -s dev").stdout
    text = state.replace(NEW, OLD).replace("pulumi:providers:release", "pulumi:providers:pulumi-python")
    old = json.loads(text)
    code = base64.b64encode(dill.dumps(Bomb(tmp_path / "ran"))).decode()
    (release,) = (item for item in old["deployment"]["resources"] if item["urn"] == OLD)
    release["type"] = BEFORE
    for values in (release["inputs"], release["outputs"]):
        values |= {"__provider": code, "urn": OLD}
    planted = {**release, "urn": PLANTED, "type": "pulumi-python:dynamic:Resource", "inputs": {"__provider": code}}
    (tmp_path / "old.json").write_text(json.dumps(old))
    old["deployment"]["resources"].append({**planted, "outputs": planted["inputs"]})
    (tmp_path / "planted.json").write_text(json.dumps(old))
    (tmp_path / "state.json").write_text(state)
    yield easi.shell("pulumi stack output -s dev --json").stdout
    easi.shell(f"pulumi stack import -s dev --file {tmp_path}/state.json")
    assert not (tmp_path / "ran").exists(), "code of the state was run"


def test_a_state_of_an_earlier_program_is_taken_over_and_nothing_is_released(
    easi: Clone, before: str, tmp_path: Path
) -> None:
    up = "pulumi up -s dev --yes --skip-preview 2>&1"
    for updated in ("pulumi preview -s dev --refresh 2>&1", up):
        said = easi.run(f"pulumi stack import -s dev --file {tmp_path}/old.json && {updated}")
        assert re.search(r"^Resources:\n    \d+ unchanged$", said, re.MULTILINE), said
    assert easi.shell("pulumi stack output -s dev --json").stdout == before
    state = easi.shell("pulumi stack export -s dev").stdout
    types = {item["type"] for item in json.loads(state)["deployment"]["resources"]}
    assert RELEASE in types
    assert not types & {BEFORE, "pulumi:providers:pulumi-python"}
    easi.run("pulumi refresh -s dev --yes --skip-preview 2>&1")
    assert "__provider" not in easi.shell("pulumi stack export -s dev").stdout


def test_code_that_somebody_wrote_into_a_state_is_refused_and_not_run(easi: Clone, before: str, tmp_path: Path) -> None:
    planted = f"pulumi stack import -s dev --file {tmp_path}/planted.json"
    done = easi.shell(f"{planted} && pulumi refresh -s dev --yes --skip-preview --target '{PLANTED}' 2>&1")
    assert done.returncode != 0
    (command,) = re.findall(r"^    error: .*not run\. To take it out of the state:  (.*)$", done.stdout, re.MULTILINE)
    easi.run(f"{command} --yes 2>&1")
