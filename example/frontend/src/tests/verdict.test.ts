import { describe, expect, it } from "vitest";
import type { Health, SiteConfig, SystemList } from "../api";
import type { Loading } from "../loading";
import { judge } from "../verdict";

const SHA = "3f2c1aa09d1e4b5c6d7e8f90a1b2c3d4e5f60718";
const OTHER = "9b81e0209d1e4b5c6d7e8f90a1b2c3d4e5f60718";

const ready = <T>(value: T): Loading<T> => ({ state: "ready", value });
const failed = (reason: string): Loading<never> => ({ state: "failed", reason });
const loading: Loading<never> = { state: "loading" };

const impl = ready<SiteConfig>({ environment: "impl" });
const healthy = ready<Health>({ status: "pass", datetime: "2021-11-02 17:05:19+00:00", version: SHA, timestamp: "1635872719" });
const health = (over: Partial<Health>) => ready<Health>({ ...(healthy.state === "ready" ? healthy.value : never()), ...over });
const systems = ready<SystemList>({ environment: "impl", systems: [] });

function never(): never {
  throw new Error("healthy is ready");
}

describe("the verdict", () => {
  it.each<[string, Loading<SiteConfig>, Loading<Health>, Loading<SystemList>, string, string]>([
    ["all agrees", impl, healthy, systems, "good", "Site and backend run the same version"],
    ["the systems are still loading", impl, healthy, loading, "good", "Site and backend run the same version"],
    ["nothing is known yet", loading, loading, loading, "checking", "Asking the backend"],
    ["only the health is known", loading, healthy, loading, "checking", "Asking the backend"],
    ["the backend is another version", impl, health({ version: OTHER }), systems, "attention", "Site and backend run different versions"],
    ["the backend drains", impl, health({ status: "fail" }), systems, "bad", "The backend is not healthy"],
    ["the backend drains and is another version", impl, health({ status: "fail", version: OTHER }), systems, "bad", "The backend is not healthy"],
    ["the backend cannot be reached", impl, failed("/api/v1/healthcheck could not be reached"), failed("x"), "bad", "The backend does not answer"],
    ["config.json is missing", failed("/config.json answered with code 404"), healthy, systems, "attention", "The environment is unknown"],
    ["the site is wired to another environment", impl, healthy, ready({ environment: "prod", systems: [] }), "bad", "different environments"],
  ])("when %s", (_case, config, backend, list, state, headline) => {
    const verdict = judge(SHA, config, backend, list);
    expect(verdict.state).toBe(state);
    expect(verdict.headline).toContain(headline);
  });

  it("gives the reason when the backend cannot be reached", () => {
    expect(judge(SHA, impl, failed("no answer within 8 s"), systems).detail).toBe("no answer within 8 s");
  });
});
