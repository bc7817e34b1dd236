"""The roles that CI assumes: GitHub says which repository and environment a job belongs to, and AWS believes only that.

One set per AWS account; the environments' own stacks do not contain it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import ci_access, ci_network, policies
from components.ci_scope import Scope
from components.component import Component

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
MIN_SESSION_S, MAX_SESSION_S = 3600, 43_200
"""What IAM accepts: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository on GitHub, by its names and by the numbers that stay when names change hands.

    `gh api repos/OWNER/NAME --jq '.owner.id, .id'` prints both numbers.
    """

    owner: str
    name: str
    owner_id: int | None = None
    repository_id: int | None = None
    legacy_subject: bool = False
    """Trust the older subject, which has the names alone.

    GitHub sends it for repositories made before July 2026 that have not been switched over; then whoever gets hold of
    the names gets hold of the roles. The numbers are needed without it.
    https://docs.github.com/en/actions/concepts/security/openid-connect
    """

    def subject(self, context: str) -> str:
        """The `sub` claim of a job's token; `context` is what the job runs for."""
        if self.legacy_subject:
            return f"repo:{self.owner}/{self.name}:{context}"
        return f"repo:{self.owner}@{self.owner_id}/{self.name}@{self.repository_id}:{context}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class GithubOidcArgs:
    """Who is trusted, for which environments of this account, and where their state is."""

    repository: Repository
    project: str
    """The Pulumi project whose stacks are the environments. Names of their resources begin with it."""
    environments: Mapping[str, Sequence[str]]
    """Environments in this account, each with the one that it promotes from and those before that, in any account."""
    makes_vpc: Collection[str] = ()
    """Those of the environments whose stacks make a VPC: the others' deploy roles make no networks."""
    account: str
    partition: str = "aws"
    state_bucket: str
    state_key_arn: str
    """The KMS key of the state bucket and of the stacks' secrets."""
    provider_arn: str | None = None
    """An account has one provider for GitHub: the ARN of the one that exists. None creates it."""
    hosted_zone_ids: Sequence[str] = ()
    """Route 53 zones in which the environments may change records."""
    max_session_s: int = 7200
    """Seconds that a deploy role's credentials may last; ask for as many in the workflow.

    They must outlive a whole release: up to half an hour for a new distribution, 15 minutes each for a rollout and for
    undoing it, and the image, migrations and proof. IAM accepts 1 to 12 hours.
    """
    role_options: policies.RoleOptions = dataclasses.field(default_factory=policies.RoleOptions)
    """Path and boundary of CI's own roles, and of every role that a deploy role makes."""


class GithubOidc(Component):
    """A deploy role and a preview role for each environment, and the provider that vouches for GitHub's tokens.

    The deploy role is for jobs of the GitHub environment of the same name, whose protection rules decide who approves.
    The preview role is for the environment `<name>-preview`, which has no protection: it reads.

    Raises ValueError for what would make the trust or the limits of the roles mean something else than they say.
    """

    provider_arn: pulumi.Output[str]
    deploy_role_arns: dict[str, pulumi.Output[str]]
    """By environment."""
    preview_role_arns: dict[str, pulumi.Output[str]]
    """By environment."""

    def __init__(self, name: str, args: GithubOidcArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        problems = list(_problems(args))
        if problems:
            raise ValueError("; ".join(problems))
        super().__init__("easi:account:GithubOidc", name, opts)
        self.provider_arn = self._vouching(name, args)
        self.deploy_role_arns, self.preview_role_arns = {}, {}
        for environment in args.environments:
            scope = _scope(args, environment)
            read = self._managed(f"{name}-{scope.name}-read", args, ci_access.read(scope))
            network = self._managed(f"{name}-{scope.name}-network", args, ci_network.network(scope))
            self.deploy_role_arns[environment] = self._role(
                f"{name}-{scope.name}-deploy",
                args,
                context=f"environment:{environment}",
                inline=ci_access.deploy(scope),
                managed={"read": read, "network": network},
                max_session_s=args.max_session_s,
            )
            self.preview_role_arns[environment] = self._role(
                f"{name}-{scope.name}-preview",
                args,
                context=f"environment:{environment}-preview",
                inline=ci_access.preview(scope),
                managed={"read": read},
                max_session_s=MIN_SESSION_S,
            )
        self.register_outputs(
            {
                "providerArn": self.provider_arn,
                "deployRoleArns": self.deploy_role_arns,
                "previewRoleArns": self.preview_role_arns,
            }
        )

    def _vouching(self, name: str, args: GithubOidcArgs) -> pulumi.Output[str]:
        if args.provider_arn:
            return pulumi.Output.from_input(args.provider_arn)
        # No thumbprint: AWS checks GitHub's certificate by its own list of authorities.
        provider = aws.iam.OpenIdConnectProvider(
            name, url=f"https://{ISSUER}", client_id_lists=[AUDIENCE], opts=self.child
        )
        return provider.arn

    def _managed(self, name: str, args: GithubOidcArgs, statements: Sequence[Mapping[str, Any]]) -> pulumi.Output[str]:
        """A policy beside the roles' inline ones, in which there is no room for all."""
        path, document = args.role_options.path, policies.document(*statements)
        return aws.iam.Policy(name, name=name, path=path, policy=document, opts=self.child).arn

    def _role(
        self,
        name: str,
        args: GithubOidcArgs,
        *,
        context: str,
        inline: Sequence[Mapping[str, Any]],
        managed: Mapping[str, pulumi.Output[str]],
        max_session_s: int,
    ) -> pulumi.Output[str]:
        role = aws.iam.Role(
            name,
            # Known before it is made, for the workflows; and no name that a deploy role may change.
            name=name,
            path=args.role_options.path,
            permissions_boundary=args.role_options.permissions_boundary,
            max_session_duration=max_session_s,
            assume_role_policy=policies.document(_trust(self.provider_arn, args.repository.subject(context))),
            opts=self.child,
        )
        below = pulumi.ResourceOptions(parent=role)
        aws.iam.RolePolicy(name, name="access", role=role.id, policy=policies.document(*inline), opts=below)
        for what, policy in managed.items():
            aws.iam.RolePolicyAttachment(f"{name}-{what}", role=role.name, policy_arn=policy, opts=below)
        return role.arn


def _trust(provider_arn: pulumi.Input[str], subject: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        # Equal, never like: a wildcard in a subject trusts whatever GitHub lets somebody name that way.
        "Condition": {
            "StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subject},
        },
    }


def _scope(args: GithubOidcArgs, environment: str) -> Scope:
    return Scope(
        partition=args.partition,
        account=args.account,
        project=args.project,
        environment=environment,
        before=args.environments[environment],
        makes_vpc=environment in args.makes_vpc,
        role_path=args.role_options.path,
        permissions_boundary=args.role_options.permissions_boundary,
        state_bucket=args.state_bucket,
        state_key_arn=args.state_key_arn,
        hosted_zone_ids=args.hosted_zone_ids,
    )


def _problems(args: GithubOidcArgs) -> Sequence[str]:
    problems = list[str]()
    repository = args.repository
    if not repository.legacy_subject and not (repository.owner_id and repository.repository_id):
        problems.append(
            f"the repository {repository.owner}/{repository.name} needs its owner's number and its own "
            f"(`gh api repos/{repository.owner}/{repository.name} --jq '.owner.id, .id'`): "
            "they are in the subject of its tokens, unless legacy_subject says otherwise"
        )
    if not MIN_SESSION_S <= args.max_session_s <= MAX_SESSION_S:
        problems.append(
            f"max_session_s is {args.max_session_s}: IAM accepts {MIN_SESSION_S} to {MAX_SESSION_S} seconds"
        )
    if not args.environments:
        problems.append("there is no environment: name at least one")
    for environment in args.environments:
        others = [other for other in args.environments if other.startswith(f"{environment}-")]
        problems += [
            f"the environments {environment} and {other} cannot be told apart by names that begin with "
            f"{args.project}-{environment}-: rename one, or keep them in accounts of their own"
            for other in others
        ]
        if args.state_bucket.startswith(f"{args.project}-{environment}-"):
            problems.append(
                f"the state bucket {args.state_bucket} bears the name of the environment {environment}, whose deploy "
                f"role may change everything that begins with {args.project}-{environment}-: give it another name"
            )
        problems += _too_long(_scope(args, environment))
    return problems


def _too_long(scope: Scope) -> Iterator[str]:
    for what, statements, limit in (
        ("policy for reading", ci_access.read(scope), policies.MAX_MANAGED),
        ("policy for networks", ci_network.network(scope), policies.MAX_MANAGED),
        ("deploy role", ci_access.deploy(scope), policies.MAX_INLINE),
    ):
        if (length := policies.length(*statements)) > limit:
            yield (
                f"the {what} of {scope.environment} would have {length} characters, IAM takes {limit}: "
                "shorten the names or the list of hosted zones"
            )
