"""What is read of a stack's state, and what is said when it cannot be."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from functions.deploy.network import Network
from release import records, stack
from release.stack import RELEASE, NoStackError, Operation, StackError
from tests.unit.environments import released

URN = "urn:pulumi:prod::easi::"
ROOT = f"{URN}pulumi:pulumi:Stack::easi-prod"
RELEASED = f"{URN}{RELEASE}::release"
SERVICE = f"{URN}aws:ecs/service:Service::backend"


def resource(urn: str, **fields: Any) -> dict[str, Any]:
    return {"urn": urn, "type": urn.split("::")[-2], **fields}


def export(*resources: dict[str, Any], pending: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    state: dict[str, Any] = {"resources": list(resources)}
    return {"version": 3, "deployment": state | ({"pending_operations": pending} if pending else {})}


def pulumi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A `pulumi` that does what `script` says and notes its arguments."""
    program = folder / "bin" / "pulumi"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/arguments\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder / "arguments"


def test_outputs_and_inputs_are_those_of_the_state() -> None:
    found = stack.from_export(
        "prod",
        export(
            resource(ROOT, outputs={"url": "https://example.org"}),
            resource(SERVICE, inputs={"name": "backend"}),
            resource(RELEASED, inputs={"version": "a"}),
        ),
    )
    assert (found.name, found.outputs, found.inputs) == ("prod", {"url": "https://example.org"}, {"version": "a"})
    assert (found.pending, found.operations, found.root) == ((), (), ROOT)


def test_a_stack_that_was_only_made_has_nothing() -> None:
    for exported in ({"version": 3}, {"version": 3, "deployment": None}, export()):
        found = stack.from_export("prod", exported)
        assert (found.outputs, found.inputs, found.pending, found.root) == ({}, None, (), None)


def test_a_first_release_that_was_interrupted_has_the_inputs_that_it_began_with() -> None:
    pending = [{"type": "creating", "resource": resource(RELEASED, inputs={"version": "b"})}]
    found = stack.from_export("prod", export(resource(ROOT), pending=pending))
    assert found.inputs == {"version": "b"}
    assert found.pending == (RELEASED,)
    assert found.operations == (Operation(kind="creating", urn=RELEASED, type=RELEASE, in_state=False),)
    assert str(found.operations[0]) == f"creating {RELEASE} release"


def test_an_interrupted_update_has_the_inputs_that_it_was_to_bring() -> None:
    pending = [
        {"type": "updating", "resource": resource(RELEASED, inputs={"version": "b"})},
        {"type": "updating", "resource": resource(SERVICE)},
    ]
    found = stack.from_export(
        "prod",
        export(resource(ROOT), resource(SERVICE), resource(RELEASED, inputs={"version": "a"}), pending=pending),
    )
    assert found.inputs == {"version": "b"}
    assert found.pending == (SERVICE, RELEASED)
    assert all(operation.in_state for operation in found.operations)


def test_pulumi_is_asked_without_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = pulumi(tmp_path, monkeypatch, f"echo '{json.dumps(export(resource(ROOT)))}'")
    assert stack.read("prod").root == ROOT
    assert arguments.read_text() == "stack export -s prod --non-interactive --color never\n"


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or …", "Set PULUMI_CONFIG_PASSPHRASE"),
        ("error: if you're using the --stack flag, pass the fully qualified name", "the one that has Pulumi.yaml"),
        ("error: read meta.yaml: NoCredentialProviders: no valid providers in chain", "`aws sso login`"),
        ("error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions", "`pulumi login`"),
        ("error: no Pulumi.yaml project file found (searching upwards from /)", "in the folder that has Pulumi.yaml"),
    ],
)
def test_a_failure_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, advice: str) -> None:
    (tmp_path / "said").write_text(said)
    pulumi(tmp_path, monkeypatch, f"cat {tmp_path}/said >&2; exit 255")
    with pytest.raises(StackError) as raised:
        stack.read("prod")
    first, last = str(raised.value).splitlines()
    assert first == f"`pulumi stack export -s prod` failed: {said.removeprefix('error: ')}"
    assert advice in last


@pytest.mark.parametrize(
    ("name", "names", "message"),
    [
        ("prd", ["dev", "prod"], "there is no stack prd: did you mean prod? There are: dev, prod"),
        ("x", ["dev", "prod"], "there is no stack x. There are: dev, prod"),
        ("x", [], "there is no stack x: this project has no stack yet.\n  to make one:  pulumi stack init <name>"),
        ("x", None, "there is no stack x. See:  pulumi stack ls"),
    ],
)
def test_a_stack_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, names: list[str] | None, message: str
) -> None:
    listed = json.dumps([{"name": one} for one in names]) if names is not None else ""
    pulumi(
        tmp_path,
        monkeypatch,
        f"test \"$2\" = ls && echo '{listed}' && exit 0; echo \"error: no stack named '{name}' found\" >&2; exit 255",
    )
    with pytest.raises(NoStackError) as raised:
        stack.read(name)
    assert str(raised.value) == message


def test_without_pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="there is no `pulumi` on the PATH: install it"):
        stack.read("prod")


def test_an_answer_that_is_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi(tmp_path, monkeypatch, "echo hello")
    with pytest.raises(StackError, match="something else than JSON"):
        stack.read("prod")


def test_the_record_is_that_of_the_release_and_its_output_is_short() -> None:
    recorded = released("a" * 40, "b" * 40)
    network = Network(subnets=("subnet-1", "subnet-2"), security_groups=("sg-1",))
    service = dataclasses.replace(recorded.services["backend"], network=network)
    whole = dataclasses.replace(recorded, services={"backend": service}).to_json()
    short = stack.output_of(whole)
    found = stack.from_export(
        "prod", export(resource(ROOT, outputs={"release": short}), resource(RELEASED, outputs={"release": whole}))
    )

    of_service = whole["services"]["backend"]
    assert "network" in of_service
    of_service = {key: of_service[key] for key in of_service if key != "network"}
    assert short == {**whole, "services": {"backend": of_service}, "previous": ["a" * 40]}
    assert stack.release_of(found.outputs, found.recorded) == records.release_from_json(whole)


def test_versions_that_are_only_named_are_no_proof() -> None:
    found = stack.release_of({"release": stack.output_of(released("a" * 40, "b" * 40).to_json())}, None)

    assert found is not None
    assert (found.version, found.previous) == ("b" * 40, ())
    assert stack.release_of({}, None) is None


def test_the_secrets_of_a_connection_are_asked_for_where_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    files = {}
    for name, text in (("plain", {"ciphertext": "v1:a"}), ("shown", {"plaintext": '"seven"'})):
        roles = [{"roleArn": "arn:aws:iam::111111111111:role/a", "externalId": envelope | text}]
        files[name] = tmp_path / name
        files[name].write_text(json.dumps(export(resource(RELEASED, inputs={"connection": {"assumeRoles": roles}}))))
    script = f'case "$*" in *--show-secrets*) cat {files["shown"]};; *) cat {files["plain"]};; esac'
    asked = pulumi(tmp_path, monkeypatch, script)
    found = stack.read("prod")
    assert found.inputs is not None
    assert found.inputs["connection"]["assumeRoles"][0]["externalId"] == "seven"
    assert len(asked.read_text().splitlines()) == 2


def test_a_connection_without_a_secret_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text(json.dumps(export(resource(RELEASED, inputs={"connection": {"profile": "a"}}))))
    asked = pulumi(tmp_path, monkeypatch, f"cat {tmp_path / 'state'}")
    assert stack.read("prod").inputs == {"connection": {"profile": "a"}}
    assert "--show-secrets" not in asked.read_text()
