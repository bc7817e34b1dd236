import { useEffect } from "react";
import { fetchConfig, fetchHealth, fetchSystems } from "./api";
import { useLoading } from "./loading";
import { ReleasePanel } from "./ReleasePanel";
import { SystemsPanel } from "./SystemsPanel";
import { judge } from "./verdict";

const HEALTH_EVERY_MS = 15_000;

export function App({ version }: { version: string }) {
  const [config] = useLoading(fetchConfig);
  const [health, checkHealth] = useLoading(fetchHealth, HEALTH_EVERY_MS);
  const [systems, loadSystems] = useLoading(fetchSystems);
  const environment = config.state === "ready" ? config.value.environment : undefined;

  useEffect(() => {
    if (environment !== undefined) document.title = `EASi (${environment})`;
  }, [environment]);

  return (
    <>
      <header className="masthead">
        <div className="masthead-name">
          <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="7" />
            <path d="M9 9.5h14M9 16h9M9 22.5h14" />
          </svg>
          <h1>EASi</h1>
          <p>Easy Access to System Information</p>
        </div>
        {environment !== undefined && <span className="environment">{environment}</span>}
      </header>
      <main>
        <ReleasePanel
          siteVersion={version}
          config={config}
          health={health}
          verdict={judge(version, config, health, systems)}
          onCheck={checkHealth}
        />
        <SystemsPanel systems={systems} onRetry={loadSystems} />
      </main>
    </>
  );
}
