import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchConfig, fetchHealth, fetchSystems } from "../api";

const HEALTH = { status: "pass", datetime: "2021-11-02 17:05:19+00:00", version: "3f2c1aa", timestamp: "1635872719" };

function answer(body: unknown, status = 200) {
  const content = typeof body === "string" ? body : JSON.stringify(body);
  const fake = vi.fn<typeof fetch>(() => Promise.resolve(new Response(content, { status })));
  vi.stubGlobal("fetch", fake);
  return fake;
}

afterEach(() => vi.unstubAllGlobals());

describe("config.json", () => {
  it("is fetched from the server each time", async () => {
    const fake = answer({ environment: "impl" });
    expect(await fetchConfig()).toEqual({ environment: "impl" });
    expect(fake.mock.calls[0]?.[0]).toBe("/config.json");
    expect(fake.mock.calls[0]?.[1]?.cache).toBe("no-store");
  });

  it("that is not there is an error with the code", async () => {
    answer("<h1>Not found</h1>", 404);
    await expect(fetchConfig()).rejects.toThrow("/config.json answered with code 404");
  });

  it("that is the page itself is an error", async () => {
    answer("<!doctype html>");
    await expect(fetchConfig()).rejects.toThrow("/config.json did not answer with the JSON that was expected");
  });
});

describe("the health check", () => {
  it("is read", async () => {
    answer(HEALTH);
    expect(await fetchHealth()).toEqual(HEALTH);
  });

  it("that fails with code 503 is an answer", async () => {
    answer({ ...HEALTH, status: "fail" }, 503);
    expect((await fetchHealth()).status).toBe("fail");
  });

  it("of a load balancer with nothing behind it is an error", async () => {
    answer("<h1>503 Service Temporarily Unavailable</h1>", 503);
    await expect(fetchHealth()).rejects.toThrow("/api/v1/healthcheck answered with code 503");
  });

  it("without a version is an error", async () => {
    answer({ ...HEALTH, version: undefined });
    await expect(fetchHealth()).rejects.toThrow("answered without “version”");
  });
});

describe("failures on the way", () => {
  it("name the path when nothing answers", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(fetchSystems()).rejects.toThrow("/api/v1/systems could not be reached");
  });

  it("say how long was waited", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new DOMException("signal timed out", "TimeoutError")));
    await expect(fetchSystems()).rejects.toThrow("/api/v1/systems did not answer within 8 s");
  });

  it("reject systems that are no list", async () => {
    answer({ environment: "dev", systems: {} });
    await expect(fetchSystems()).rejects.toThrow("without a list of systems");
  });
});
