"""Who vouches for identities from outside."""

from __future__ import annotations

from collections.abc import Collection

from local.plugin.wire import Props

from ..kind import Kind, words
from ..session import Aws
from ..tagging import pairs


class OpenIdConnectProvider(Kind):
    """An identity provider by its address, and the audiences that its tokens must be for.

    Its tags are set when it is made: the emulator has no call that changes them.
    """

    resource = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    service, make, identity = "iam", "create_open_id_connect_provider", "OpenIDConnectProviderArn"
    get, remove = "get_open_id_connect_provider", "delete_open_id_connect_provider"
    keys = {"OpenIDConnectProviderArn": "id"}
    spelled = {"clientIdLists": "ClientIDList", "thumbprintLists": "ThumbprintList"}
    replaces = words("url")
    defaults = {"thumbprintLists": []}
    handled = words("clientIdLists thumbprintLists")
    unordered = words("clientIdLists")
    regional = False

    def arguments(self, operation: str, props: Props) -> Props:
        others = {name: value for name, value in props.items() if name != "tags"}
        tags = {"Tags": pairs(props["tags"])} if props.get("tags") else {}
        return super().arguments(operation, others) | tags

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer = self.find(aws, identity, state)
        return {
            "arn": identity,
            "clientIdLists": answer["ClientIDList"],
            "thumbprintLists": answer.get("ThumbprintList", []),
            "tagsAll": {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])},
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        iam, provider = aws.client("iam"), {"OpenIDConnectProviderArn": identity}
        if "clientIdLists" in changed:
            before, after = set(old.get("clientIdLists") or []), set(new["clientIdLists"])
            for audience in sorted(after - before):
                iam.add_client_id_to_open_id_connect_provider(**provider, ClientID=audience)
            for audience in sorted(before - after):
                iam.remove_client_id_from_open_id_connect_provider(**provider, ClientID=audience)
        if "thumbprintLists" in changed:
            thumbprints = new.get("thumbprintLists") or []
            iam.update_open_id_connect_provider_thumbprint(**provider, ThumbprintList=thumbprints)
