"""Where the emulator differs from AWS in a way that matters to a release: one module per gap.

Each module says what the gap is and closes it with `close()`, by replacing functions of the pinned ministack.
"""

from __future__ import annotations

from importlib import import_module

NAMES = (
    "listening",
    "containers",
    "container_settings",
    "container_variables",
    "execution_role",
    "way_out",
    "container_secrets",
    "task_address",
    "target_health",
    "traffic",
    "vpc_origins",
    "security_groups",
    "dependencies",
    "stopping",
    "task_health",
    "throttling",
    "inactive_revisions",
    "service_network",
    "auto_scaling",
    "distributions",
    "alternate_names",
    "bucket_keys",
    "bucket_policies",
    "missing_objects",
    "image_tags",
    "registry_address",
    "cached_errors",
    "web_acls",
    "edge_functions",
    "key_value_stores",
    "regions",
    "log_streams",
    "checksums",
    "alarms",
    "saving",
    "transport",
)


def close() -> None:
    for name in NAMES:
        import_module(f"{__name__}.{name}").close()
