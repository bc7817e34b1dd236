import { describe, expect, it } from "vitest";
import { versionToBuild } from "./version.ts";

const SHA = "3f2c1aa09d1e4b5c6d7e8f90a1b2c3d4e5f60718";

describe("the version to build", () => {
  it.each([SHA, `${SHA}-dirty-0123456789ab`])("is the one that was given: %j", (value) => {
    expect(versionToBuild(value)).toBe(value);
  });

  it.each([undefined, ""])("is asked for when it is %j", (value) => {
    expect(() => versionToBuild(value)).toThrow("RELEASE_VERSION is not set: `make -C ../.. frontend`");
  });

  it.each(["3f2c1aa", SHA.toUpperCase(), `${SHA}0`, "development", `${SHA}\n`, `${SHA}-dirty`, `${SHA}-dirty-0123`])("is refused when it is %j", (value) => {
    expect(() => versionToBuild(value)).toThrow(`RELEASE_VERSION=${JSON.stringify(value)} is not a full Git SHA`);
  });
});
