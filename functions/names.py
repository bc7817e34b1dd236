"""The names in ARNs."""

from __future__ import annotations


def name_in(arn: str) -> str:
    """What follows the last slash: of a role its name, of a task its id."""
    return arn.rpartition("/")[2]


def revision(task_definition: str) -> str:
    """`family:7` of a task definition's ARN: what people call it."""
    return name_in(task_definition)


def family(task_definition: str) -> str:
    return revision(task_definition).rpartition(":")[0]
