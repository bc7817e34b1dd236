"""What `make up` shows of what Pulumi prints without a terminal."""

from __future__ import annotations

from local.update_log import UpdateLog

FIRST = """\
Updating (dev):

 +  pulumi:pulumi:Stack easi-dev creating (0s)\x20
 +  easi:service:LoadBalancer backend creating (0s)\x20
 +  aws:ec2:Vpc network creating (0s)\x20
 +  aws:ec2:Vpc network created (0.25s)\x20
 +  docker:index:Image backend creating (0s) Step 1/19 : ARG GO_IMAGE
 +  docker:index:Image backend creating (1m2s) Step 19/19 : ENTRYPOINT ["/backend"]
 +  docker:index:Image backend creating (1m3s) Pushed localhost:4566/easi-dev@sha256:6ea3 in 0.7 s
 +  docker:index:Image backend created (1m3s) Pushed localhost:4566/easi-dev@sha256:6ea3 in 0.7 s
 +  release:index:Release release creating (0s)\x20
 +  release:index:Release release creating (0s) 1/8 check: begins
 +  release:index:Release release creating (9s) 5/8 prove: 1 of 3 passes by 3f2c1aa
 +  release:index:Release release creating (9s) 5/8 prove: 0 of 3 passes: answered 503, expected 200
 +  release:index:Release release creating (9s) 5/8 prove: 1 of 3 passes by 3f2c1aa
 +  release:index:Release release creating (13s) dev: 3f2c1aa is proven
 +  release:index:Release release created (13s) dev: 3f2c1aa is proven
 +  pulumi:pulumi:Stack easi-dev created (27s)\x20
Diagnostics:
  docker:index:Image (backend):
    Pushed localhost:4566/easi-dev@sha256:6ea3 in 0.7 s

  release:index:Release (release):
    dev: 3f2c1aa is proven

Resources:
    + 96 created

Duration: 30s
"""
LATER = """\
Updating (dev):
 ~  aws:lambda:Function deploy updating (0s) [diff: ~code]
 ~  aws:lambda:Function deploy updated (0.81s) [diff: ~code]
 +- aws:ecs:TaskDefinition backend replacing (0s) [diff: ~containerDefinitions]
 +- aws:ecs:TaskDefinition backend replaced (0.00s) [diff: ~containerDefinitions]
    pulumi:pulumi:Stack easi-dev running 1/8 check: begins
    pulumi:pulumi:Stack easi-dev running roll out failed: easi-dev: ECS took easi-dev:3 back. Undoing
 ~  release:index:Release release updating (9s) [diff: ~version]; dev: 3f2c1aa is not released: roll out failed
 ~  release:index:Release release **updating failed** [diff: ~version]; error: dev: 3f2c1aa is not released
 -- aws:ecs:TaskDefinition backend deleted original (0.04s)\x20
    pulumi:pulumi:Stack easi-dev **failed** 1 error; 1 warning
Diagnostics:
  aws:s3:Bucket (site):
    warning: the bucket has no owner

  release:index:Release (release):
    dev: 3f2c1aa is not released: roll out failed
      why       easi-dev: ECS took easi-dev:3 back

  pulumi:pulumi:Stack (easi-dev):
    error: update failed
"""


def shown(text: str) -> list[str]:
    log = UpdateLog()
    return [line for part in text.splitlines(keepends=True) for line in log.shown(part)] + list(log.rest())


def test_of_a_first_update_the_phases_and_the_proof_are_shown() -> None:
    assert shown(FIRST) == [
        "Updating (dev):",
        "  Pushed localhost:4566/easi-dev@sha256:6ea3 in 0.7 s",
        "  1/8 check: begins",
        "  5/8 prove: 1 of 3 passes by 3f2c1aa",
        "  5/8 prove: 0 of 3 passes: answered 503, expected 200",
        "  5/8 prove: 1 of 3 passes by 3f2c1aa",
        "  dev: 3f2c1aa is proven",
        "Resources:",
        "    + 96 created",
        "Duration: 30s",
    ]


def test_of_a_later_one_also_what_was_changed_and_every_problem() -> None:
    assert shown(LATER) == [
        "Updating (dev):",
        " ~  aws:lambda:Function deploy updated (0.81s) [diff: ~code]",
        " +- aws:ecs:TaskDefinition backend replaced (0.00s) [diff: ~containerDefinitions]",
        "  1/8 check: begins",
        "  roll out failed: easi-dev: ECS took easi-dev:3 back. Undoing",
        "  dev: 3f2c1aa is not released: roll out failed",
        " ~  release:index:Release release **updating failed** [diff: ~version]; error: dev: 3f2c1aa is not released",
        " -- aws:ecs:TaskDefinition backend deleted original (0.04s)",
        "    pulumi:pulumi:Stack easi-dev **failed** 1 error; 1 warning",
        "  aws:s3:Bucket (site):",
        "    warning: the bucket has no owner",
        "  release:index:Release (release):",
        "    dev: 3f2c1aa is not released: roll out failed",
        "      why       easi-dev: ECS took easi-dev:3 back",
        "  pulumi:pulumi:Stack (easi-dev):",
        "    error: update failed",
    ]


def test_an_error_is_shown_once_and_whole() -> None:
    row, *block = (
        "    pulumi:pulumi:Stack easi-dev running error: the settings of stack dev cannot be used:",
        "Diagnostics:",
        "  pulumi:pulumi:Stack (easi-dev):",
        "    error: the settings of stack dev cannot be used:",
        "      easi:cpu is 300: expected one of 256, 512",
    )
    assert shown("\n".join([row, *block])) == block[1:]
    assert shown("\n".join([row, *block]).replace("error:", "warning:")) == [
        line.replace("error:", "warning:") for line in block[1:]
    ]


def test_what_a_later_update_creates_is_named() -> None:
    created = " +  aws:cloudwatch:MetricAlarm site created (0.2s)"
    assert shown("    pulumi:pulumi:Stack easi-dev running\n" + created) == [created]
    assert shown(" +  pulumi:pulumi:Stack easi-dev creating (0s)\n" + created) == []


def test_what_is_not_known_is_shown_as_it_is() -> None:
    lines = ["error: no stack named 'dev' found", "  something new from Pulumi", "warning: it is old"]
    assert shown("\n".join(lines)) == lines


def test_colours_are_kept_and_not_taken_for_words() -> None:
    assert shown(" \x1b[32m+ \x1b[0m aws:ec2:Vpc network \x1b[32mcreating\x1b[0m (0.25s) \n") == []
    coloured = "\x1b[31merror: it failed\x1b[0m"
    assert shown(coloured) == [coloured]


def test_a_colour_ends_with_its_line() -> None:
    """Pulumi ends that of a paragraph on a line of its own, which is not shown."""
    assert shown("\x1b[38;5;9mit is canceled\n\x1b[0m\n  next\n") == ["\x1b[38;5;9mit is canceled\x1b[0m", "  next"]


def test_progress_says_how_far_it_is() -> None:
    log = UpdateLog()
    for line in FIRST.splitlines()[:8]:
        list(log.shown(line))
    assert log.progress == '1 resources done, Step 19/19 : ENTRYPOINT ["/backend"]'
    for line in FIRST.splitlines()[8:]:
        list(log.shown(line))
    assert log.progress == "4 resources done"
