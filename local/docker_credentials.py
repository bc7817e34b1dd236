"""Credentials of other registries that Docker's configuration promises: without them, what needs none goes on.

~/.docker/config.json may name a credential helper that is not installed, or that fails: Docker Desktop leaves one
behind. The docker package, like Docker's own client, then ends every build and pull. Here the base image is usually a
local one, and the registry is the emulator's. Where credentials are needed, the registry says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import docker.credentials
from docker.credentials.errors import CredentialsNotFound, StoreError


def go_on_without() -> None:
    """Take a credential helper that does not answer for one that has no credentials, in this process."""
    store: Any = docker.credentials.Store
    store.get, store.list = _or_not_found(store.get), _or_empty(store.list)


def _or_not_found(get: Callable[..., Any]) -> Callable[..., Any]:
    def replacement(self: Any, server: str) -> Any:
        try:
            return get(self, server)
        except StoreError as error:
            raise CredentialsNotFound(str(error)) from error

    return replacement


def _or_empty(list_all: Callable[..., Any]) -> Callable[..., Any]:
    def replacement(self: Any) -> Any:
        try:
            return list_all(self)
        except StoreError:
            return {}

    return replacement
