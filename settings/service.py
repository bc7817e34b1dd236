"""What the description says of one service: how its image is built, run, reached and proven."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Final

from components import aws_limits
from settings import formats
from settings.formats import ONCE, PRIVATE, About, Choice, Range, Text

START_PERIOD_S: Final = 10
TARGET_INTERVAL_S: Final = 5
"""The least that Elastic Load Balancing takes: a release waits for it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """How the first environment makes the image. Later ones copy it."""

    context: Annotated[str, formats.FOLDER, About("Build context of the image, a folder relative to the project.")]
    dockerfile: Annotated[
        str, Text(r"(?!/).+", "a path in the context", may_be_empty=False), About("Dockerfile, relative to `context`.")
    ] = "Dockerfile"
    arguments: Annotated[
        Mapping[str, str],
        PRIVATE,
        About(
            "Build arguments, name to value; they are stored in the image: no secrets. `{version}` is the version, "
            "`{time}` the time of its commit (ISO 8601, UTC). `RELEASE_VERSION` and `SOURCE_DATE_EPOCH` are always "
            "passed."
        ),
    ] = dataclasses.field(default_factory=dict)

    def filled(self, *, version: str, time: str) -> dict[str, str]:
        """The arguments without placeholders."""
        return {
            name: value.replace("{version}", version).replace("{time}", time) for name, value in self.arguments.items()
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """How ECS, the load balancer and the release know that a task serves the version."""

    path: Annotated[
        str,
        Text(r"/[\x21-\x7e]*", "a path that begins with /"),
        About(
            "Path that answers 200 when a task can serve, and JSON with the version. The load balancer asks it and a "
            "release proves with it. Needed for a service with `paths`."
        ),
    ] = ""
    command: Annotated[
        tuple[str, ...],
        formats.COMMAND,
        About(
            "Program of the image and its arguments that end with 0 when the container is healthy, run without a "
            "shell. Empty: ECS does not look into the container."
        ),
    ] = ()
    command_compares_version: Annotated[
        bool,
        About("In a rehearsal, `command` compares the version, and asks as often as it is told: see docs/adopt.md."),
    ] = False
    status_member: Annotated[
        str, formats.MEMBER, About("Member of the JSON answer with the status; empty: none is compared.")
    ] = "status"
    version_member: Annotated[str, formats.REQUIRED_MEMBER, About("Member of the JSON answer with the version.")] = (
        "version"
    )
    timestamp_member: Annotated[
        str, formats.REQUIRED_MEMBER, About("Member of the JSON answer with the time, for `requireLiveTimestamp`.")
    ] = "timestamp"
    pass_: Annotated[
        tuple[str, ...],
        Text(r".+", "a status", may_be_empty=False),
        ONCE,
        About("Values of the status member that are a pass."),
    ] = ("pass",)
    status_code_only: Annotated[
        bool,
        About(
            "The answer 200 is enough, and the version is not compared: weaker, for a program that does not tell its "
            "version."
        ),
    ] = False
    start_period: Annotated[
        int,
        Range(0, 300),
        About("Seconds after its start in which a failed `command` does not count."),
    ] = START_PERIOD_S
    grace: Annotated[
        int,
        Range(0, 3600),
        About(
            "Seconds after the start of a task in which ECS does not end it for failed checks of the load balancer. "
            "After them, `unhealthyThreshold` times `interval` seconds without an answer end it."
        ),
    ] = 0
    interval: Annotated[int, Range(5, 300), About("Seconds between two checks of the load balancer.")] = (
        TARGET_INTERVAL_S
    )
    timeout: Annotated[
        int, Range(2, 120), About("Seconds for an answer to the load balancer, less than `interval`.")
    ] = 2
    healthy_threshold: Annotated[
        int, Range(2, 10), About("Answers in a row until the load balancer sends requests to a task.")
    ] = 2
    unhealthy_threshold: Annotated[
        int, Range(2, 10), About("Misses in a row until it sends none, and ECS replaces the task.")
    ] = 2
    passes: Annotated[
        int, Range(1, 100), About("Health checks of a release in a row that must pass, each on a new connection.")
    ] = 3
    check_interval: Annotated[int, Range(1, 60), About("Seconds between health checks of a release.")] = 1
    deadline: Annotated[
        int, Range(2, 3600), About("Seconds after which a version that is still not proven has failed.")
    ] = 120
    require_live_timestamp: Annotated[
        bool,
        About(
            "Also require that the answer's timestamp is the time of the answer, in seconds since 1970. Not for a "
            "program that stamps it when it is built."
        ),
    ] = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sidecar:
    """A container that runs beside the service's own in each task."""

    image: Annotated[
        str, Text(r"\S+@sha256:[0-9a-f]{64}", "repository@sha256:…", may_be_empty=False), About("Image, by digest.")
    ]
    command: Annotated[tuple[str, ...], formats.COMMAND, About("Instead of the image's own.")] = ()
    environment: Annotated[Mapping[str, str], PRIVATE, About("Environment variables. No secrets.")] = dataclasses.field(
        default_factory=dict
    )
    secrets: Annotated[
        Mapping[str, str], formats.SECRET_ARN, PRIVATE, About("Environment variables by the ARN of a secret.")
    ] = dataclasses.field(default_factory=dict)
    cpu: Annotated[int, Range(0, 16384), About("CPU units of the task that are its own.")] = 0
    memory: Annotated[int, Range(0, 122880), About("MiB of the task that are reserved for it.")] = 0
    port: Annotated[int, Range(0, 65535), About("The port that it listens on; 0 for none.")] = 0
    health_command: Annotated[
        tuple[str, ...], formats.COMMAND, About("Program and arguments that end with 0 when it is healthy.")
    ] = ()
    essential: Annotated[bool, About("The task ends with it.")] = True
    main_waits_for: Annotated[
        str,
        Choice(("", "START", "HEALTHY", "COMPLETE", "SUCCESS")),
        About("What must be so before the service's container starts."),
    ] = ""
    user: Annotated[str, formats.USER, About("Its user and group; empty is the image's.")] = ""
    read_only_root: Annotated[bool, About("Its root file system cannot be written to.")] = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Before:
    """What has to succeed before a migration, such as a snapshot of the database: one of the two."""

    command: Annotated[
        tuple[str, ...], formats.COMMAND, About("Command of the new image that has to succeed before a migration.")
    ] = ()
    function: Annotated[
        str,
        Text(aws_limits.arn("lambda", r"function:[\w-]+(:[\w$-]+)?"), "the ARN of a Lambda function"),
        About("Instead of it, the ARN of a Lambda function; see docs/how-a-release-works.md."),
    ] = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Migration:
    """A command that runs once from the new image before tasks of a new version start."""

    command: Annotated[
        tuple[str, ...],
        formats.COMMAND,
        About(
            "Command (for an image with an entry point, its arguments) that runs once from the new image, in a task of "
            "its own, before tasks of a new version start. Its migrations must also fit the version before."
        ),
    ] = ()
    timeout: Annotated[
        int, Range(10, 7200), About("Seconds after which a migration that has not ended is stopped and has failed.")
    ] = 900
    before: Annotated[Before, About("")] = Before()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """How a task of a new revision proves itself beside the service, before the service is moved."""

    enabled: Annotated[
        bool,
        About(
            "Run one task of a new revision beside the service before a rollout. Not for consumers of queues, unless "
            "they take nothing where `RELEASE_REHEARSAL` is set."
        ),
    ] = True
    passes: Annotated[
        int,
        Range(1, 10),
        About(
            "Times in a row that `health.command` must find the task healthy, within 3 s if it compares the version."
        ),
    ] = 3
    time: Annotated[
        int, Range(5, 600), About("Seconds that the task of a service without `health.command` must run.")
    ] = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service:
    """One container image on ECS, with what belongs to it."""

    build: Annotated[Build, About("how its image is built: build.context")]
    port: Annotated[int, Range(1, 65535), About("The port that the program listens on.")] = 8080
    paths: Annotated[
        tuple[str, ...],
        Text(r"/[A-Za-z0-9_.$/~\"'@:+*?&-]{0,127}", "a path such as /api/*, with * and ? for any text and character"),
        ONCE,
        About(
            "Paths that it takes at each site, 1 to 5; `*` and `?` are wildcards. What pages name there need not be "
            "among a site's files. Empty: a worker without a load balancer."
        ),
    ] = ()
    health: Annotated[Health, About("")] = Health()
    user: Annotated[str, formats.USER, About("User and group of the container; empty is the image's.")] = ""
    read_only_root: Annotated[bool, About("The container's root file system cannot be written to.")] = True
    command: Annotated[tuple[str, ...], formats.COMMAND, About("Instead of the image's own.")] = ()
    stop_timeout: Annotated[int, Range(2, 120), About("Seconds between SIGTERM and SIGKILL.")] = 30
    environment: Annotated[
        Mapping[str, str],
        PRIVATE,
        About("Environment variables, name to value. Not for secrets; what looks like one is refused."),
    ] = dataclasses.field(default_factory=dict)
    public_variables: Annotated[
        tuple[str, ...],
        ONCE,
        About("Names of variables in `environment`, here or of a sidecar, that look like secrets but are not."),
    ] = ()
    secrets: Annotated[
        Mapping[str, str],
        formats.SECRET_ARN,
        PRIVATE,
        About("Environment variables from Secrets Manager or SSM Parameter Store, name to ARN."),
    ] = dataclasses.field(default_factory=dict)
    secret_key_arns: Annotated[
        tuple[str, ...],
        formats.KMS_KEY._replace(may_be_empty=False),
        ONCE,
        About("KMS keys that `secrets` are encrypted with. Not needed for the AWS managed keys."),
    ] = ()
    statements: Annotated[
        tuple[Mapping[str, Any], ...],
        About("Statements of the task role's IAM policy: what the program may do in AWS."),
    ] = ()
    security_group_ids: Annotated[
        tuple[str, ...],
        Text(r"sg-[0-9a-z]+", "sg-…", may_be_empty=False),
        ONCE,
        About("Further security groups of the tasks, beside their own, for example one that a database lets in."),
    ] = ()
    sidecars: Annotated[Mapping[str, Sidecar], About("")] = dataclasses.field(default_factory=dict)
    cpu: Annotated[
        int,
        Choice((aws_limits.SMALLEST_CPU, *aws_limits.MEMORY_MIB)),
        About("CPU units of a task (1024 is one vCPU), one of the Fargate sizes."),
    ] = 256
    memory: Annotated[int, About("Memory of a task in MiB, within what Fargate offers for `cpu`.")] = 512
    cpu_architecture: Annotated[
        str,
        Choice(aws_limits.ARCHITECTURES),
        About("Processor architecture of the tasks. The first environment builds the image for it."),
    ] = "X86_64"
    min_count: Annotated[int, Range(1, 1000), About("Minimum number of tasks. A release starts this many.")] = 1
    max_count: Annotated[
        int,
        Range(1, 1000),
        About("Maximum number of tasks. If it is above `minCount`, the service scales on CPU."),
    ] = 1
    scale_at_cpu_percent: Annotated[
        int, Range(1, 100), About("Average CPU of the service, in percent, that scaling aims at.")
    ] = 60
    execute_command: Annotated[bool, About("Allow `aws ecs execute-command`, a shell in a running task.")] = False
    deployment_alarms: Annotated[
        bool,
        About(
            "Have ECS roll back when an alarm of the service goes off during a rollout. ECS then watches for some "
            "minutes after the last task, and a release or rollback is complete only after that."
        ),
    ] = False
    migration: Annotated[Migration, About("")] = Migration()
    rehearsal: Annotated[Rehearsal, About("")] = Rehearsal()
