"""The environment of the local shell, and the programs that are first on its PATH."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from importlib import metadata
from pathlib import Path

from local import aws_plugin, preflight, proxies
from local.engine import Engine
from local.layout import Layout, LocalError, read_json, write_whole
from local.project import region
from settings.names import VERSION_VARIABLE


def variables(layout: Layout) -> dict[str, str]:
    """What `pulumi`, `aws` and boto3 need to work on this clone's local environments. Raises LocalError before `up`."""
    values = read_json(layout.local / "values.json")
    if not values or not layout.passphrase.exists():
        raise LocalError("the local environment is not up: make up")
    path = [str(layout.bin), str(layout.venv / "bin")]
    rest = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if entry and entry not in path]
    result = {
        "PATH": os.pathsep.join([*path, *rest]),
        "PULUMI_BACKEND_URL": f"file://{layout.state}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(layout.passphrase),
        "PULUMI_HOME": str(layout.home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{values['port']}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": region(layout),
        "AWS_DEFAULT_REGION": region(layout),  # what boto3 reads
        "RELEASE_LOGS": ".venv/bin/python -m local logs {service} -n 5000",  # not everybody has the AWS CLI here
        **proxies.without(os.environ),
    }
    host = preflight.find_docker(layout.root).host
    if host is not None and host != f"unix://{preflight.DEFAULT_SOCKET}":
        result["DOCKER_HOST"] = host
    return result


def _misleading(name: str) -> bool:
    """Whether a variable of the caller would lead elsewhere: a profile, another endpoint for S3, another passphrase.

    Everything that the SDKs of AWS read from the environment is named so:
    https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
    """
    return name.startswith("AWS_") or name == "PULUMI_CONFIG_PASSPHRASE"


def process_environment(layout: Layout) -> dict[str, str]:
    """The whole environment for a program that we start: it releases what is checked out, whatever the shell says."""
    inherited = {
        name: value for name, value in os.environ.items() if not _misleading(name) and name != VERSION_VARIABLE
    }
    return {**inherited, **variables(layout)}


def exports(layout: Layout) -> str:
    new = variables(layout)
    unset = [f"unset {name}" for name in sorted(os.environ) if _misleading(name) and name not in new]
    return "\n".join([*unset, *(f"export {name}={shlex.quote(value)}" for name, value in new.items())])


def write_programs(layout: Layout, engine: Engine, choice: aws_plugin.Choice = "local") -> None:
    """Write what the local shell runs, and the passphrase if there is none.

    The engine's own companion belongs beside it, and the resource plugins where Pulumi installs plugins: so it takes
    them without a warning, and another plugin that is put on PATH still wins.
    """
    python, root = shlex.quote(str(layout.venv / "bin" / "python")), shlex.quote(str(layout.root))
    wrapper = shlex.quote(str(layout.root / "local" / "pulumi_wrapper.py"))
    in_project = f'export PYTHONPATH={root}"${{PYTHONPATH:+:$PYTHONPATH}}"\n'
    start = f"{in_project}exec {python} -IS {shlex.quote(str(layout.root / 'local' / 'warm' / 'start.py'))}"
    plugins = layout.home / "plugins"
    programs = {
        layout.bin / "pulumi": f'exec {python} -IS {wrapper} {shlex.quote(str(engine.path))} "$@"\n',
        _plugin(plugins, "docker"): f'{start} plugins local.docker.__main__ "$@"\n',
    }
    if choice == "official":
        home = {**os.environ, "PULUMI_HOME": str(layout.home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
        aws_plugin.require_official(engine.path, _plugin(plugins, "aws").parent, home)
    else:
        programs[_plugin(plugins, "aws")] = f'{start} plugins local.aws.__main__ "$@"\n'
    if not engine.official_host:
        host = engine.path.parent / "pulumi-language-python"
        programs[host] = f'{start} program local.language_host "$@"\n'
    for path, text in programs.items():
        script = f"#!/bin/sh\n{text}"
        if not path.exists() or path.read_bytes() != script.encode():
            write_whole(path, script, mode=0o755)
    if not layout.passphrase.exists():
        write_whole(layout.passphrase, secrets.token_urlsafe(32), mode=0o600)


def _plugin(plugins: Path, name: str) -> Path:
    """Where Pulumi looks for the plugin that the installed SDK asks for."""
    version = metadata.version(f"pulumi-{name}")
    return plugins / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"


def run(layout: Layout) -> int:
    print(exports(layout))
    sys.stdout.flush()
    return 0
