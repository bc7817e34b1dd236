"""Credentials of other registries that Docker's configuration promises: without them, what needs none goes on.

~/.docker/config.json may name a credential helper that is not installed, or that fails: Docker Desktop leaves one
behind. The docker package, like Docker's own client, then ends every build and pull. Here the base image is usually a
local one, and the registry is the emulator's. Where credentials are needed, the registry says so.
"""

from __future__ import annotations

from typing import Any

import docker.credentials
from docker.credentials.errors import CredentialsNotFound, StoreError


def go_on_without() -> None:
    """Take a credential helper that does not answer for one that has no credentials, in this process."""
    store: Any = docker.credentials.Store
    get, list_all = store.get, store.list

    def get_or_not_found(self: Any, server: str) -> Any:
        try:
            return get(self, server)
        except StoreError as error:
            raise CredentialsNotFound(str(error)) from error

    def list_or_empty(self: Any) -> Any:
        try:
            return list_all(self)
        except StoreError:
            return {}

    store.get, store.list = get_or_not_found, list_or_empty
