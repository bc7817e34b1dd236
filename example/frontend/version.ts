import type { Plugin } from "vite";

/** What the development server calls itself: nothing that could be mistaken for a commit. */
const DEVELOPMENT = "development";

/** The version to build, or an error that says what to set. */
export function versionToBuild(value: string | undefined): string {
  if (value === undefined || value === "") {
    throw new Error("RELEASE_VERSION is not set: `make -C ../.. frontend` builds the page with the version of this working tree");
  }
  if (!/^[0-9a-f]{40}(-dirty-[0-9a-f]{12})?$/.test(value)) {
    throw new Error(`RELEASE_VERSION=${JSON.stringify(value)} is not a full Git SHA (40 hexadecimal digits in lower case), nor <sha>-dirty-<12 digits>: \`make -C ../.. frontend\` sets it`);
  }
  return value;
}

/**
 * Bakes the version into the build, in two places that people and programs can read: a meta tag in index.html, which is where the
 * page finds it too, and version.json. No script holds it, so that a commit which changes only the backend leaves every hashed file as it was.
 */
export function stampVersion(): Plugin {
  let version = DEVELOPMENT;
  return {
    name: "easi-version",
    config(_config, { command, isPreview }) {
      if (command === "build" && !isPreview) {
        version = versionToBuild(process.env["RELEASE_VERSION"]);
        // A machine's own NODE_ENV would make another build of the same commit: with "development", React's for developers.
        process.env["NODE_ENV"] = "production";
      }
    },
    transformIndexHtml() {
      return [{ tag: "meta", attrs: { name: "easi-version", content: version }, injectTo: "head" }];
    },
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "version.json", source: `${JSON.stringify({ version })}\n` });
    },
    /** The development server stands in for the file that each environment's release writes. */
    configureServer(server) {
      server.middlewares.use("/config.json", (_request, response) => {
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify({ environment: DEVELOPMENT }));
      });
    },
  };
}
