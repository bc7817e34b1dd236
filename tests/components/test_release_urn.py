"""The URN that a release says its lines with: computed, as the engine does."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.runtime import mocks

from release.resource import Release
from tests.components import program

TYPE = "pulumi-python:dynamic/release:Release"


def test_release_knows_its_own_urn() -> None:
    assert program.run("dev").one(program.RELEASE)["urn"] == f"urn:pulumi:dev::easi::{TYPE}::release"


def test_release_of_a_component_has_the_component_in_its_urn() -> None:
    class Sees(mocks.Mocks):
        inputs: dict[str, Any]

        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
            if args.typ == TYPE:
                self.inputs = dict(args.inputs)
            return args.name, dict(args.inputs)

        def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
            return {}, []

    mocked = Sees()
    mocks.set_mocks(mocked)

    def declare() -> pulumi.Output[str]:
        parent = pulumi.ComponentResource("shop:index:Service", "orders")
        arguments: dict[str, Any] = dict.fromkeys(
            Release.__init__.__annotations__.keys() - {"opts", "return", "name"}, ""
        )
        release = Release("orders", **arguments, opts=pulumi.ResourceOptions(parent=parent))
        return release.urn

    pulumi.runtime.test(declare)()  # type: ignore[no-untyped-call]  # the SDK's helper has no types

    assert mocked.inputs["urn"].endswith(f"shop:index:Service${TYPE}::orders")
