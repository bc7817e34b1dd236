export interface SiteConfig {
  environment: string;
}

export interface Health {
  status: string;
  datetime: string;
  version: string;
  timestamp: string;
}

export interface System {
  acronym: string;
  name: string;
  description: string;
  owner: string;
  lifecycle: string;
}

export interface SystemList {
  environment: string;
  systems: System[];
}

const TIMEOUT_MS = 8_000;

/** config.json is written by each environment's release: one build serves all of them. */
export async function fetchConfig(): Promise<SiteConfig> {
  const { response, body } = await get("/config.json");
  expectOk("/config.json", response);
  return { environment: text("/config.json", record("/config.json", body), "environment") };
}

/** The backend's own word on its health. Status "fail" comes with code 503 and is an answer, not an error. */
export async function fetchHealth(): Promise<Health> {
  const path = "/api/v1/healthcheck";
  const { response, body } = await get(path);
  if (body === undefined) expectOk(path, response);
  const fields = record(path, body);
  return {
    status: text(path, fields, "status"),
    datetime: text(path, fields, "datetime"),
    version: text(path, fields, "version"),
    timestamp: text(path, fields, "timestamp"),
  };
}

export async function fetchSystems(): Promise<SystemList> {
  const path = "/api/v1/systems";
  const { response, body } = await get(path);
  expectOk(path, response);
  const fields = record(path, body);
  const list = fields["systems"];
  if (!Array.isArray(list)) throw new Error(`${path} answered without a list of systems`);
  return {
    environment: text(path, fields, "environment"),
    systems: list.map((entry) => {
      const system = record(path, entry);
      return {
        acronym: text(path, system, "acronym"),
        name: text(path, system, "name"),
        description: text(path, system, "description"),
        owner: text(path, system, "owner"),
        lifecycle: text(path, system, "lifecycle"),
      };
    }),
  };
}

/** body is undefined when the answer is not JSON, as that of a load balancer with nothing behind it. */
async function get(path: string): Promise<{ response: Response; body: unknown }> {
  let response: Response;
  let content: string;
  try {
    response = await fetch(path, { cache: "no-store", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
    content = await response.text();
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Error(late ? `${path} did not answer within ${TIMEOUT_MS / 1000} s` : `${path} could not be reached`);
  }
  try {
    return { response, body: JSON.parse(content) as unknown };
  } catch {
    return { response, body: undefined };
  }
}

function expectOk(path: string, response: Response): void {
  if (!response.ok) throw new Error(`${path} answered with code ${response.status}`);
}

function record(path: string, value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${path} did not answer with the JSON that was expected`);
  return value as Record<string, unknown>;
}

function text(path: string, fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new Error(`${path} answered without “${name}”`);
  return value;
}
