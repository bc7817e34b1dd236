"""Which settings of services belong together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from components import aws_limits
from settings import clear_text, path_patterns, priorities
from settings.declared import declarations
from settings.names import SET_BY_THE_PROGRAM, prefix, project
from settings.own_names import MAIN_SERVICE
from settings.service import Health, Service
from settings.site import Site

MAX_BALANCER_NAME: Final = 32
"""Of load balancers and target groups: <project>-<stack>-<service>-1a2b3c4.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
"""
_SUFFIX: Final = "-1a2b3c4"
MAX_PROJECT_AND_STACK: Final = MAX_BALANCER_NAME - len(f"--{MAIN_SERVICE}{_SUFFIX}")
_NAME: Final = r"[a-z0-9]+(-[a-z0-9]+)*"
_VARIABLE: Final = r"[!-<>-~]+"
"""ECS gives no pattern for a name (KeyValuePair and Secret, Amazon ECS API Reference), so `spring.datasource.url` and
`log-level` are names. It sets NAME=value in the container: there is no = in a name. Other than printable ASCII nobody
documents."""
MAX_PATHS: Final = 5
"""Values of a rule's conditions.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""


def path(name: str, key: str = "") -> str:
    return f"{prefix()}services.{name}" + (f".{key}" if key else "")


def name_of_the_stack(stack: str) -> Iterator[str]:
    # "repositoryName": CreateRepository, Amazon ECR API Reference.
    longest = MAX_PROJECT_AND_STACK - len(project())
    if longest < 1 or not re.fullmatch(_NAME, project()):
        yield (
            f"the project is called {project()} in Pulumi.yaml: expected {MAX_PROJECT_AND_STACK - len('prod')} "
            "characters at most, and a-z and 0-9 with single - between them: the names of its resources begin with it"
        )
    elif len(stack) > longest or not re.fullmatch(_NAME, stack):
        yield (
            f"the stack is called {stack}: expected {longest} characters at most (the names of load balancers "
            f"have {MAX_BALANCER_NAME}, and begin with {project()}-<stack>-), and a-z and 0-9 with single - between "
            "them (the names of ECR's repositories)"
        )


def _names(services: Mapping[str, Service]) -> Iterator[str]:
    for name in services:
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
            yield (
                f"{prefix()}services has {name!r}: expected a name of a-z and 0-9 with single - between them, that "
                "begins with a letter"
            )


def _lengths_of_names(stack: str, services: Mapping[str, Service]) -> Iterator[str]:
    longest = MAX_BALANCER_NAME - len(f"{project()}-{stack}-{_SUFFIX}")
    for name in services:
        if len(name) > max(longest, len(MAIN_SERVICE)):
            yield (
                f"{prefix()}services has {name!r}: expected a name of at most {longest} characters (those of target "
                f"groups have {MAX_BALANCER_NAME}, and begin with {project()}-{stack}-)"
            )


def _paths(services: Mapping[str, Service], sites: Mapping[str, Site]) -> Iterator[str]:
    owners: dict[str, str] = {}
    for name, service in services.items():
        if len(service.paths) > MAX_PATHS:
            yield (
                f"{path(name, 'paths')} has {len(service.paths)} values: expected {MAX_PATHS} at most, as a rule of a "
                "load balancer takes no more; join some with a wildcard"
            )
        if service.paths and not sites:
            yield (
                f"{path(name, 'paths')} without any site: nothing leads there; describe one under {prefix()}sites (a "
                "site without a folder only leads to services), or remove paths for a worker"
            )
        for pattern in service.paths:
            if pattern in owners:
                yield (
                    f"{path(name, 'paths')} has {pattern}, as has {path(owners[pattern], 'paths')}: expected each path "
                    "in one service"
                )
            owners.setdefault(pattern, name)


def _files_of_sites(services: Mapping[str, Service], sites: Mapping[str, Site]) -> Iterator[str]:
    """A distribution asks a service for its paths also where the site has a file of that name."""
    for name, service in services.items():
        for pattern in service.paths:
            for other, site in sites.items():
                hidden = [file for file in _files_of(site) if path_patterns.matches(pattern, file)]
                if hidden:
                    what = "it" if hidden == [pattern] else ", ".join(hidden)
                    yield (
                        f"{path(name, 'paths')} has {pattern}, which takes {what} from {prefix()}sites.{other}: "
                        "expected paths that leave the site its own files, such as /api/*; or remove the site's "
                        "folder, if the service answers for everything"
                    )
                    break


def _files_of(site: Site) -> Sequence[str]:
    """The files that every site of a folder has, and a release reads back."""
    if not site.folder:
        return ()
    return ("/config.json", "/index.html", "/version.json", *(["/404.html"] if site.page_mode == "multi" else []))


def _health_path(at: str, service: Service) -> Iterator[str]:
    health = service.health
    if service.paths and not health.path:
        yield (
            f"{at}.health.path is missing: the load balancer asks it whether a task can serve; expected "
            f"a path in {', '.join(service.paths)}"
        )
    if health.path and not service.paths:
        yield (
            f"{at}.health.path is {health.path}, and the service has no paths, so that nothing can ask "
            "it: give it paths, or remove it and give health.command, which ECS runs in the container"
        )
    path = health.path.partition("?")[0]
    if not _are_paths(service):
        return  # which of them is none is told where they are read
    if health.path and service.paths and not any(path_patterns.matches(pattern, path) for pattern in service.paths):
        yield (
            f"{at}.health.path is {health.path}, which is outside of paths "
            f"({', '.join(service.paths)}): a release asks it through the site, which would not lead it to the "
            "service; add it to paths, or take another one"
        )


def _are_paths(service: Service) -> bool:
    """Whether all paths have the form of one."""
    paths, health = declarations(Service)["paths"].format, declarations(Health)["path"].format
    return (health is None or health.takes(service.health.path)) and (
        paths is None or all(map(paths.takes, service.paths))
    )


def _only_behind_a_load_balancer(at: str, service: Service) -> Iterator[str]:
    settings = {"deploymentAlarms": service.deployment_alarms, "health.grace": service.health.grace}
    for key, value in settings.items():
        if value and not service.paths:
            yield f"{at}.{key} without paths: it is about the load balancer, and the service has none"


def _size(at: str, service: Service) -> Iterator[str]:
    if service.cpu in (aws_limits.SMALLEST_CPU, *aws_limits.MEMORY_MIB):
        try:
            aws_limits.check_size(service.cpu, service.memory)
        except ValueError as error:
            yield f"{at}.memory: {error}"


def _counts(at: str, service: Service) -> Iterator[str]:
    if service.min_count > service.max_count:
        counts = f"{at}.minCount is {service.min_count} and {at}.maxCount {service.max_count}"
        yield f"{counts}: expected minCount <= maxCount"


def _keys_of_secrets(at: str, service: Service) -> Iterator[str]:
    if service.secret_key_arns and not service.secrets:
        yield f"{at}.secretKeyArns without {at}.secrets: they are the keys that those are encrypted with"


def _before_a_migration(at: str, service: Service) -> Iterator[str]:
    before = service.migration.before
    if before.command and before.function:
        yield f"{at}.migration.before has a command and a function: expected one of them"
    if (before.command or before.function) and not service.migration.command:
        yield f"{at}.migration.before without migration.command: there is nothing that it is before"


def _order_of_paths(services: Mapping[str, Service]) -> Iterator[str]:
    """The load balancer asks a service's rule as a whole, so that one may hide a path of another."""
    routed = sorted(
        (priorities.priority(name, service.paths), name, service) for name, service in services.items() if service.paths
    )
    for number, (own, name, service) in enumerate(routed):
        for earlier, other, before in routed[:number]:
            if earlier == own:
                yield f"{path(name)} and {path(other)} get the same number of a rule: give one of them another name"
            if set(service.paths) & set(before.paths):
                continue  # told as one path in two services
            for pattern in service.paths:
                path_in_it = pattern.replace("*", "x")
                hides = next((wider for wider in before.paths if path_patterns.matches(wider, path_in_it)), None)
                if hides:
                    yield (
                        f"{path(name, 'paths')} has {pattern}, which {path(other, 'paths')} takes with {hides}, as its "
                        "rule is asked first: expected paths of one length in a service; make a service of its own"
                    )


def _names_of_variables(at: str, service: Service) -> Iterator[str]:
    yield from of_variables(at, service.environment, service.secrets)
    for key, variables in (("environment", service.environment), ("secrets", service.secrets)):
        for variable in variables:
            if variable in SET_BY_THE_PROGRAM:
                yield f"{at}.{key} has {variable}: the program itself sets it"


def of_variables(at: str, environment: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[str]:
    """What ECS would not take, or not keep, of the variables of a container."""
    for key, variables in (("environment", environment), ("secrets", secrets)):
        for variable in variables:
            if not re.fullmatch(_VARIABLE, variable):
                yield (
                    f"{at}.{key} has {variable!r}: expected the name of an environment variable, printable ASCII "
                    "without spaces and ="
                )
    for variable, value in environment.items():
        if not value:
            yield (
                f"{at}.environment has {variable} without a value: expected one, or not to name it; ECS keeps no empty "
                "variable, and every update would replace the task definition"
            )
    for variable in sorted(set(environment) & set(secrets)):
        yield f"{variable} is in {at}.environment and in {at}.secrets: expected one of them"


def _placeholders(at: str, service: Service) -> Iterator[str]:
    for argument, value in service.build.arguments.items():
        if wrong := sorted(set(re.findall(r"\{\w+\}", value)) - {"{version}", "{time}"}):
            yield (f"{at}.build.arguments.{argument} has {wrong[0]}: expected {{version}} or {{time}}")


RULES: Final[Sequence[Callable[..., Iterator[str]]]] = (
    _names,
    _lengths_of_names,
    _paths,
    _files_of_sites,
    _health_path,
    _only_behind_a_load_balancer,
    _size,
    _counts,
    _keys_of_secrets,
    _names_of_variables,
    _before_a_migration,
    _order_of_paths,
    _placeholders,
    clear_text.public_variables,
    clear_text.looks_secret,
)
