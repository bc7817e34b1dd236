"""Signs Docker in to the registry that an image is pushed to."""

from __future__ import annotations

import subprocess

import pulumi
import pulumi_aws as aws


def sign_in(token: aws.ecr.GetAuthorizationTokenResult) -> str:
    """The registry's address, once Docker is signed in to it. Not in a preview, and not over plain HTTP.

    Raises pulumi.RunError.
    """
    server = token.proxy_endpoint
    if pulumi.runtime.is_dry_run() or not server.startswith("https://"):
        return server
    command = ["docker", "login", "--username", token.user_name, "--password-stdin", server]
    try:
        done = subprocess.run(command, input=token.password, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise pulumi.RunError("the image cannot be pushed: `docker` is not on the PATH") from error
    if done.returncode != 0:
        raise pulumi.RunError(f"the image cannot be pushed: `docker login {server}` failed: {done.stderr.strip()}")
    return server
