"""Gap: ECR names a host of AWS. Here the registry is the emulator, which Docker trusts without TLS at localhost."""

from __future__ import annotations

import json
import os
from typing import Any

from ministack.services import ecr


def close() -> None:
    ecr._repo_shape = _at_localhost(ecr._repo_shape)
    ecr._get_authorization_token = _for_localhost(ecr._get_authorization_token)


def _registry() -> str:
    return f"localhost:{os.environ['GATEWAY_PORT']}"


def _at_localhost(shape: Any) -> Any:
    return lambda repository: shape(repository) | {"repositoryUri": f"{_registry()}/{repository['repositoryName']}"}


def _for_localhost(get_authorization_token: Any) -> Any:
    def answer(data: dict[str, Any]) -> Any:
        _, _, body = get_authorization_token(data)
        authorization = json.loads(body)["authorizationData"]
        return ecr.json_response(
            {"authorizationData": [{**one, "proxyEndpoint": f"http://{_registry()}"} for one in authorization]}
        )

    return answer
