import type { Health, SiteConfig, SystemList } from "./api";
import type { Loading } from "./loading";

export type Verdict = { state: "checking" | "good" | "attention" | "bad"; headline: string; detail?: string };

/** What the page says first: do site and backend belong together, and is the backend well? Pure. */
export function judge(siteVersion: string, config: Loading<SiteConfig>, health: Loading<Health>, systems: Loading<SystemList>): Verdict {
  if (health.state === "failed") return { state: "bad", headline: "The backend does not answer", detail: health.reason };
  if (health.state === "loading" || config.state === "loading") return { state: "checking", headline: "Asking the backend" };
  const { status, version } = health.value;
  if (status !== "pass") {
    return { state: "bad", headline: "The backend is not healthy", detail: `Its health check says “${status}” where “pass” is expected.` };
  }
  if (config.state === "failed") return { state: "attention", headline: "The environment is unknown", detail: config.reason };
  if (systems.state === "ready" && systems.value.environment !== config.value.environment) {
    return {
      state: "bad",
      headline: "Site and backend belong to different environments",
      detail: `The site is ${config.value.environment}, the backend ${systems.value.environment}.`,
    };
  }
  if (version !== siteVersion) {
    return {
      state: "attention",
      headline: "Site and backend run different versions",
      detail: "A release may be under way. Reload the page to get the current site.",
    };
  }
  return { state: "good", headline: "Site and backend run the same version" };
}
