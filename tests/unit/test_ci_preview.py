"""`preview` runs Pulumi once, and lets nothing out before the values are out of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ci import main
from cli import preview
from cli.errors import VerbError
from tests.unit.ci_preview_world import release, replaced, said, setting, summary

SECRET = "xyzzy-distinct-plugh"
PULUMI = """\
#!{python}
import json, os, sys, time
from pathlib import Path
here = Path({here!r})
(here / "asked").write_text(json.dumps([sys.argv[1:], os.environ.get("PULUMI_DEBUG_COMMANDS"), os.getpid()]))
exec((here / "does.py").read_text())
"""
"""Stands for the engine: it does what a test wrote down."""


class Engine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def does(self, code: str, *, events: list[dict[str, Any]] | None = None) -> None:
        lines = "\n".join(json.dumps(event, ensure_ascii=False) for event in events or ())
        log = f"Path(sys.argv[sys.argv.index('--event-log') + 1]).write_text({lines!r})\n" if events is not None else ""
        (self.folder / "does.py").write_text(log + code)

    @property
    def asked(self) -> Any:
        return json.loads((self.folder / "asked").read_text())


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    binary = tmp_path / "bin" / "pulumi"
    binary.parent.mkdir()
    binary.write_text(PULUMI.format(python=sys.executable, here=str(tmp_path)))
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("PULUMI_DEBUG_COMMANDS", raising=False)
    return Engine(tmp_path)


CHANGE = [
    setting({"A": SECRET}),
    *replaced({"A": "older-secret"}, {"A": SECRET}),
    release(),
    said("warning", f"careful with {SECRET}"),
    summary(update=1, replace=1, same=94),
]
DIFF = f'          ~ environment: [\n              ~ [0]: {{\n                  ~ value: "on" => "{SECRET}"\n'


def test_one_run_is_for_people_and_for_machines(engine: Engine) -> None:
    engine.does(f"print({DIFF!r})", events=CHANGE)
    found = preview.create("dev")
    arguments, debug, _ = engine.asked
    assert arguments[:5] == ["preview", "-s", "dev", "--non-interactive", "--color"]
    assert "--refresh" not in arguments
    assert debug == "true"
    assert found.counts == {"replace": 1, "update": 1}
    assert found.variables == ("~ A",)
    assert "    ~ containerDefinitions.easi-dev.environment.A: changed" in found.diff.split("\n")
    assert not found.failed


def test_a_refresh_is_asked_for_and_kept(engine: Engine) -> None:
    engine.does("", events=[summary(same=1)])
    assert preview.create("dev", refresh=True).refresh
    assert "--refresh" in engine.asked[0]


def test_no_value_leaves_by_any_way(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    events = [*CHANGE, said("error", f"cannot use '{SECRET}' nor older-secret")]
    engine.does(f"print({DIFF!r}); print({SECRET!r}, file=sys.stderr); sys.exit(255)", events=events)
    assert main(["preview", "-s", "dev", "--save", str(tmp_path / "previews" / "dev.json")]) == 1
    told = capfd.readouterr()
    for text in (
        told.out,
        told.err,
        (tmp_path / "previews" / "dev.json").read_text(),
        (tmp_path / "summary").read_text(),
    ):
        assert "A: changed" in text or "[A]" in text
        assert SECRET not in text
        assert "older-secret" not in text
        assert '"on"' not in text


def test_a_preview_that_the_gate_would_stop_has_succeeded(engine: Engine, tmp_path: Path) -> None:
    warning = "dev refused it: why.\n  this is a preview: `pulumi up` would stop here"
    engine.does("", events=[said("warning", warning), summary(same=1)])
    assert main(["preview", "-s", "dev", "--save", str(tmp_path / "dev.json")]) == 0
    kept = preview.load(tmp_path / "dev.json")
    assert kept is not None
    assert kept.gate == "dev refused it: why."


SEPARATORS = "\r\v\f\x1c\x85\u2028\u2029"


def test_an_event_ends_with_its_line_and_with_nothing_else(engine: Engine) -> None:
    engine.does("", events=[setting({"A": f"line one\nline{SEPARATORS}two"}), *CHANGE[1:]])
    found = preview.create("dev")
    assert not found.failed
    assert found.counts == {"replace": 1, "update": 1}
    assert [change.name for change in found.replaced] == ["backend"]


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ('{"a"\n' + json.dumps(summary(update=1)) + "\n", "line 1 of its event log is no event"),
        ("[1]\n" + json.dumps(summary(update=1)) + "\n", "line 1 of its event log is no event"),
        ("[" * 20_000 + "\n" + json.dumps(summary(update=1)), "line 1 of its event log is no event"),
        (json.dumps(release()) + "\n", "its event log has no summary"),
        ("", "its event log has no summary"),
        (None, "its event log has no summary"),
    ],
)
def test_a_preview_of_which_not_all_is_known_has_failed(engine: Engine, log: str | None, told: str) -> None:
    write = "Path(sys.argv[sys.argv.index('--event-log') + 1]).write_text"
    engine.does(f"{write}({log!r})" if log is not None else "")
    found = preview.create("dev")
    assert found.failed
    assert not found.changes
    assert f"what would change is not known: {told}" in found.errors[0]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_no_value_leaves_whatever_separates_its_lines(
    engine: Engine, tmp_path: Path, separator: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As Pulumi 3.232 prints it: the text goes on at the beginning of a line, for whoever ends a line there."""
    old, new = {"A": f"x{separator}y", "B": SECRET}, {"A": f"x{separator}z", "B": "on"}
    printed = (
        '      ~ environment: [\n          ~ [0]: {\n                name : "A"\n              ~ value: '
        f'"{old["A"]}" => "{new["A"]}"\n            }}\n          ~ [1]: {{\n                name : "B"\n'
        f'              ~ value: "{SECRET}" => "on"\n'
    )
    engine.does(f"print({printed!r})", events=[*replaced(old, new), summary(replace=1)])
    assert main(["preview", "-s", "dev", "--save", str(tmp_path / "dev.json")]) == 0
    told = capfd.readouterr().out
    for text in (told, (tmp_path / "dev.json").read_text()):
        assert SECRET not in text
        assert '"on"' not in text
    assert "B: changed" in told


def test_the_log_has_what_was_found_in_the_order_of_a_reader(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    comes = "dev: 399915e -> ed79594, 3 commits, built from this commit"
    refusal = "dev refused it: why.\n  this is a preview: `pulumi up` would stop here"
    told = [said("info", comes), said("warning", "careful\n  there"), said("warning", refusal)]
    engine.does("", events=[setting({"COMES": "1"}), *replaced({"GOES": "2"}, None), *told, summary(replace=1)])
    assert main(["preview", "-s", "dev"]) == 0
    assert capsys.readouterr().out.split("\n") == [
        comes,
        "+- aws:ecs/taskDefinition:TaskDefinition backend: replace",
        "    ~ containerDefinitions: not known yet",
        "    - skipDestroy: true",
        "environment variables, whose values are not shown: + COMES, - GOES",
        "warning: careful",
        "  there",
        "`pulumi up` would stop here: dev refused it: why.",
        "dev: 1 replaced as in every release",
        "",
    ]


def test_a_preview_that_did_not_begin_is_kept_with_what_pulumi_said(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.does("print('error: no access', file=sys.stderr); sys.exit(255)")
    assert main(["preview", "-s", "dev", "--save", str(tmp_path / "dev.json")]) == 1
    kept = preview.load(tmp_path / "dev.json")
    assert kept is not None
    assert kept.failed
    assert kept.errors == ("no access",)
    assert "error: no access" in capsys.readouterr().err


def test_a_message_has_no_value_that_is_a_word_of_it(engine: Engine) -> None:
    error = "boom on maybe\n  and 'on'"
    engine.does("sys.exit(1)", events=[setting({"A": "maybe", "B": "on"}), said("error", error)])
    assert preview.create("dev").errors == ("boom on [A]\n  and [B]",)


def test_what_pulumi_says_at_its_end_has_no_values_either(engine: Engine) -> None:
    engine.does(f"print('error: no {SECRET}', file=sys.stderr); sys.exit(255)", events=[setting({"A": SECRET})])
    assert preview.create("dev").errors == ("no [A]",)


def test_a_preview_that_dies_without_a_word_is_no_success(engine: Engine) -> None:
    engine.does("sys.exit(3)", events=[])
    assert preview.create("dev").errors == ("`pulumi preview -s dev` ended with 3 and said nothing",)


def test_without_pulumi_it_says_where_to_get_it_and_keeps_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["preview", "-s", "dev", "--save", str(tmp_path / "dev.json")]) == 1
    assert "https://www.pulumi.com/docs/install/" in capsys.readouterr().err
    kept = preview.load(tmp_path / "dev.json")
    assert kept is not None
    assert kept.failed


def test_a_long_preview_says_that_it_lives(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preview, "HEARTBEAT_S", 0.2)
    engine.does("print('diff', flush=True); time.sleep(1)", events=CHANGE)
    preview.create("dev")
    told = capsys.readouterr()
    assert re.search(r"preview of dev: \d+ s, 4 resources so far", told.err)
    assert "diff" not in told.out + told.err


def test_an_interrupt_leaves_no_pulumi_behind(engine: Engine, tmp_path: Path) -> None:
    """A runner interrupts the process of the step, and only that one."""
    engine.does("(here / 'began').touch(); time.sleep(60)", events=[])
    command = [sys.executable, "-m", "ci", "preview", "-s", "dev"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(200):
            if (tmp_path / "began").exists():
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == "interrupted"
    assert "Traceback" not in out
    with pytest.raises(ProcessLookupError):
        os.kill(engine.asked[2], 0)


def test_something_else_is_no_preview(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("[]")
    with pytest.raises(VerbError, match="to make one:  python -m ci preview"):
        preview.load(tmp_path / "x")
    assert preview.load(tmp_path / "y") is None


def test_a_byte_that_is_no_text_costs_nothing(engine: Engine) -> None:
    engine.does("sys.stderr.buffer.write(b'caf\\xe9 ok'); sys.exit(1)", events=[])
    assert preview.create("dev").errors == ("caf\ufffd ok",)
