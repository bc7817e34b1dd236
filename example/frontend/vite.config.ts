import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { stampVersion } from "./version.ts";

const backend = { "/api": process.env["LOCAL_BACKEND"] ?? "http://127.0.0.1:8080" };

export default defineConfig({
  plugins: [react(), stampVersion()],
  build: {
    // The content security policy allows files of this site only: nothing is inlined as a data: address.
    assetsInlineLimit: 0,
    target: "baseline-widely-available",
  },
  server: { proxy: backend },
  preview: { proxy: backend },
  test: { environment: "happy-dom", restoreMocks: true },
});
