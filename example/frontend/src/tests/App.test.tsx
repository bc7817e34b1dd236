import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { App } from "../App";
import { siteVersion } from "../siteVersion";

const SHA = "3f2c1aa09d1e4b5c6d7e8f90a1b2c3d4e5f60718";
const OTHER = "9b81e0209d1e4b5c6d7e8f90a1b2c3d4e5f60718";
const SYSTEM = { acronym: "EASi", name: "Easy Access", description: "Looks things up", owner: "OIT", lifecycle: "in operation" };

/** What each path answers: a body, or a code when there is none. */
type Site = Record<string, unknown>;

const release = (version = SHA, status = "pass"): Site => ({
  "/config.json": { environment: "impl" },
  "/api/v1/healthcheck": { status, datetime: "2021-11-02 17:05:19+00:00", version, timestamp: "1635872719" },
  "/api/v1/systems": { environment: "impl", systems: [SYSTEM] },
});

let site: Site;
let root: Root;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("fetch", (path: string) => {
    const body = site[path];
    return Promise.resolve(typeof body === "number" ? new Response("<h1>Error</h1>", { status: body }) : new Response(JSON.stringify(body)));
  });
});

afterEach(async () => {
  await act(async () => root.unmount());
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function open(answers: Site): Promise<HTMLElement> {
  site = answers;
  const container = document.createElement("div");
  root = createRoot(container);
  await act(async () => root.render(<App version={SHA} />));
  return container;
}

const fact = (page: HTMLElement, name: string) => page.querySelector(`[data-fact="${name}"]`)?.textContent;
const verdict = (page: HTMLElement) => page.querySelector("[data-verdict]")?.getAttribute("data-verdict");

describe("the page", () => {
  it("shows the environment, both versions, the health and the systems", async () => {
    const page = await open(release());
    expect(fact(page, "environment")).toBe("impl");
    expect(fact(page, "site-version")).toBe(SHA);
    expect(fact(page, "backend-version")).toBe(SHA);
    expect(fact(page, "health")).toBe("pass");
    expect(fact(page, "answered")).toBe("2021-11-02 17:05:19+00:00");
    expect(verdict(page)).toBe("good");
    expect(page.querySelector("tbody")?.textContent).toContain("Easy Access EASi");
    expect(document.title).toBe("EASi (impl)");
  });

  it("shows both versions when they differ", async () => {
    const page = await open(release(OTHER));
    expect(fact(page, "site-version")).toBe(SHA);
    expect(fact(page, "backend-version")).toBe(OTHER);
    expect(verdict(page)).toBe("attention");
  });

  it("says what cannot be reached, and keeps showing what is known", async () => {
    const page = await open({ ...release(), "/api/v1/healthcheck": 502, "/api/v1/systems": 502 });
    expect(verdict(page)).toBe("bad");
    expect(page.textContent).toContain("/api/v1/healthcheck answered with code 502");
    expect(page.querySelector("[role=alert]")?.textContent).toContain("The systems could not be loaded");
    expect(fact(page, "backend-version")).toBe("unknown");
    expect(fact(page, "environment")).toBe("impl");
  });

  it("loads the systems when asked to try again", async () => {
    const page = await open({ ...release(), "/api/v1/systems": 502 });
    site = release();
    await act(async () => page.querySelector<HTMLButtonElement>("[role=alert] button")?.click());
    expect(page.querySelector("tbody")?.textContent).toContain("Easy Access");
  });

  it("notices by itself when the backend starts to fail", async () => {
    vi.useFakeTimers();
    const page = await open(release());
    expect(verdict(page)).toBe("good");
    site = release(SHA, "fail");
    await act(async () => vi.advanceTimersByTimeAsync(15_000));
    expect(verdict(page)).toBe("bad");
  });

  it("says that the list is empty", async () => {
    const page = await open({ ...release(), "/api/v1/systems": { environment: "impl", systems: [] } });
    expect(page.textContent).toContain("No systems are listed yet");
  });

  it("is busy until the answers are there", async () => {
    vi.stubGlobal("fetch", () => new Promise(() => undefined));
    const page = await open(release());
    expect(verdict(page)).toBe("checking");
    expect(page.querySelector("[aria-busy=true]")?.textContent).toContain("Loading the systems");
  });
});

describe("the version of the site", () => {
  it("is read from the page that was built", () => {
    const built = new DOMParser().parseFromString(`<meta name="easi-version" content="${SHA}">`, "text/html");
    expect(siteVersion(built)).toBe(SHA);
    expect(siteVersion(new DOMParser().parseFromString("<p>", "text/html"))).toBe("unknown");
  });
});
