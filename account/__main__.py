"""What an AWS account has once: the roles by which CI deploys to its environments, and looks at them.

    cd account && pulumi up -s ACCOUNT

Run by an administrator, never by CI: it decides what CI may do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi
import pulumi_aws as aws

# The engine starts this program from its own folder; what it is made of is in the project's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from account import settings as account_settings
from components import aws_location
from components.github_oidc import GithubOidc, GithubOidcArgs, Repository
from components.policies import RoleOptions
from settings.names import project
from settings.reader import SettingsError

settings = account_settings.load_stack()
location = aws_location.find(zones=0)
owner, _, name = settings.repository.partition("/")
try:
    github = GithubOidc(
        "github",
        GithubOidcArgs(
            repository=Repository(
                owner=owner,
                name=name,
                owner_id=settings.owner_id or None,
                repository_id=settings.repository_id or None,
                legacy_subject=settings.legacy_subject,
            ),
            project=project(account_settings.FOLDER.parent),
            environments={name: settings.before(name) for name in sorted(settings.environments)},
            makes_vpc=settings.makes_vpc,
            account=aws.get_caller_identity().account_id,
            partition=location.partition,
            state_bucket=settings.state_bucket,
            state_key_arn=settings.state_key_arn,
            provider_arn=settings.provider_arn or None,
            hosted_zone_ids=settings.hosted_zone_ids,
            max_session_s=settings.max_session,
            role_options=RoleOptions(
                path=settings.role_path, permissions_boundary=settings.permissions_boundary or None
            ),
        ),
    )
except ValueError as error:
    raise SettingsError(pulumi.get_stack(), f"account/Pulumi.{pulumi.get_stack()}.yaml", [str(error)]) from error

pulumi.export("providerArn", github.provider_arn)
pulumi.export("deployRoleArns", github.deploy_role_arns)
pulumi.export("previewRoleArns", github.preview_role_arns)
