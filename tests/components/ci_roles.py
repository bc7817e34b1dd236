"""CI's roles of an account with two environments, as `components/github_oidc.py` makes them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from components.github_oidc import ISSUER, GithubOidc, GithubOidcArgs, Repository
from tests.components.recorded import Recorded, record

ACCOUNT, REGION = "000000000000", "us-west-2"
STATE, PROJECT = "state-of-easi", "easi"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
REPOSITORY = Repository(owner="CMSgov", name="easi", owner_id=1209384, repository_id=987654321)
CALLS = json.loads((Path(__file__).parents[1] / "fixtures" / "ci" / "calls.json").read_text())
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
SUBJECT = "repo:CMSgov@1209384/easi@987654321"


def recorded(state_key: str = KEY, **changes: Any) -> Recorded:
    """What the component makes for the two environments, of which dev makes its VPC."""
    args = GithubOidcArgs(
        repository=REPOSITORY,
        project=PROJECT,
        environments={"dev": (), "impl": ("dev",)},
        makes_vpc=["dev"],
        account=ACCOUNT,
        state_bucket=STATE,
        state_key_arn=state_key,
        provider_arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}",
    )
    return record(lambda: GithubOidc("github", dataclasses.replace(args, **changes)))


def inline(made: Recorded, role: str) -> str:
    return str(made.one("aws:iam/rolePolicy:RolePolicy", role)["policy"])
