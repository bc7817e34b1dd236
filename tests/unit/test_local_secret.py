"""`python -m local secret`: where a developer's secrets are kept, what is said of them, and what is refused."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local import cli, down, secret
from local.layout import Layout, LocalError
from local.secret import FILE, Secret

VALUE = "Winter@2026!"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: eu-west-1\n")
    layout = Layout(tmp_path)
    monkeypatch.setattr(cli, "here", lambda: layout)
    return layout


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, value: str = "") -> int:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(value.encode())))
    return cli.main(["secret", *arguments])


def test_a_secret_is_kept_for_its_owner_alone_and_its_arn_is_shown(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "set", "DATABASE", value=f"{VALUE}\n") == 0
    assert run(monkeypatch, "set", "/shop/token", "--env", "dev", value=VALUE) == 0
    assert stat.S_IMODE((layout.root / FILE).stat().st_mode) == 0o600
    assert json.loads((layout.root / FILE).read_text()) == {"all": {"DATABASE": VALUE}, "dev": {"/shop/token": VALUE}}
    arn = Secret(name="DATABASE", environment=None).arn("eu-west-1")
    assert arn.startswith("arn:aws:secretsmanager:eu-west-1:000000000000:secret:DATABASE-")
    said = capsys.readouterr()
    assert arn in said.out
    assert "arn:aws:ssm:eu-west-1:000000000000:parameter/dev/shop/token" in said.out
    assert run(monkeypatch, "list") == 0
    listed = capsys.readouterr()
    assert listed.out.splitlines() == [
        "/shop/token  dev  arn:aws:ssm:eu-west-1:000000000000:parameter/dev/shop/token",
        f"DATABASE  all environments  {arn}",
    ]
    assert VALUE not in said.out + said.err + listed.out + listed.err


def test_a_removed_secret_is_gone_and_with_the_last_one_the_file(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for environment in ([], ["--env", "prod"]):
        assert run(monkeypatch, "set", "DATABASE", *environment, value=VALUE) == 0
    assert run(monkeypatch, "remove", "DATABASE", "--env", "impl") == 1
    assert f"{FILE} has no secret DATABASE for impl" in capsys.readouterr().err
    assert run(monkeypatch, "remove", "DATABASE") == 0
    assert json.loads((layout.root / FILE).read_text()) == {"prod": {"DATABASE": VALUE}}
    assert run(monkeypatch, "remove", "DATABASE", "--env", "prod") == 0
    assert not (layout.root / FILE).exists()


def test_a_value_comes_from_a_file_and_loses_one_line_end(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    (layout.root / "value").write_bytes(b"line 1\nline 2\n\n")
    assert run(monkeypatch, "set", "KEY", "--from-file", str(layout.root / "value")) == 0
    assert json.loads((layout.root / FILE).read_text()) == {"all": {"KEY": "line 1\nline 2\n"}}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a b", b"x", "'a b' is no name of a secret"),
        ("a/", b"x", "'a/' is no name of a secret"),
        ("a", b"\n", "has 0 bytes: expected 1 to 65536"),
        ("/a", b"x" * 8193, "has 8193 bytes: expected 1 to 8192"),
        ("a", b"\xffWinter@2026!", "the value is not UTF-8 text"),
        ("a", None, "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_not_shown(
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    message: str,
) -> None:
    file = layout.root / "value"
    if content is not None:
        file.write_bytes(content)
    assert run(monkeypatch, "set", name, "--from-file", str(file)) == 1
    said = capsys.readouterr().err
    assert message in said
    assert VALUE not in said
    assert not (layout.root / FILE).exists()


def test_a_damaged_file_is_refused_and_left(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    (layout.root / FILE).write_text(f"{{{VALUE}")
    assert run(monkeypatch, "set", "KEY", value="x") == 1
    with pytest.raises(LocalError, match="damaged: remove it, and set the secrets again"):
        secret.show(layout)
    assert (layout.root / FILE).read_text() == f"{{{VALUE}"


def test_git_ignores_the_file_and_down_leaves_it(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert subprocess.run(["git", "check-ignore", "-q", FILE], cwd=ROOT, check=False).returncode == 0
    run(monkeypatch, "set", "KEY", value=VALUE)
    assert down.SECRETS == FILE
    assert down.run(layout) == 0
    assert (layout.root / FILE).exists()
    assert f"your secrets stay in {FILE}" in capsys.readouterr().out
