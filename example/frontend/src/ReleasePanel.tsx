import type { ReactNode } from "react";
import type { Health, SiteConfig } from "./api";
import type { Loading } from "./loading";
import type { Verdict } from "./verdict";

interface Props {
  siteVersion: string;
  config: Loading<SiteConfig>;
  health: Loading<Health>;
  verdict: Verdict;
  onCheck: () => void;
}

/** What runs here: the first thing an engineer looks for after a release. */
export function ReleasePanel({ siteVersion, config, health, verdict, onCheck }: Props) {
  return (
    <section className="panel" aria-labelledby="release-heading">
      <h2 id="release-heading" className="visually-hidden">
        What runs here
      </h2>
      <div className="verdict" data-verdict={verdict.state}>
        <VerdictIcon state={verdict.state} />
        <div role="status">
          <p className="headline">{verdict.headline}</p>
          {verdict.detail !== undefined && <p className="detail">{verdict.detail}</p>}
        </div>
        <button type="button" onClick={onCheck}>
          Check again
        </button>
      </div>
      <dl className="facts">
        <Fact label="Environment" name="environment">
          {known(config, (value) => value.environment)}
        </Fact>
        <Fact label="Site" name="site-version">
          <Version value={siteVersion} />
        </Fact>
        <Fact label="Backend" name="backend-version">
          {known(health, (value) => (
            <Version value={value.version} />
          ))}
        </Fact>
        <Fact label="Health" name="health">
          {known(health, (value) => value.status)}
        </Fact>
        <Fact label="Answered" name="answered">
          {known(health, (value) => (
            <time dateTime={value.datetime.replace(" ", "T")}>{value.datetime}</time>
          ))}
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ label, name, children }: { label: string; name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{label}</dt>
      <dd data-fact={name}>{children}</dd>
    </div>
  );
}

function known<T>(loading: Loading<T>, show: (value: T) => ReactNode): ReactNode {
  if (loading.state === "ready") return show(loading.value);
  return <span className="unknown">{loading.state === "loading" ? "…" : "unknown"}</span>;
}

/** A version in full, for copying, with the part that people read aloud standing out. */
function Version({ value }: { value: string }) {
  return (
    <code>
      <b>{value.slice(0, 7)}</b>
      {value.slice(7)}
    </code>
  );
}

function VerdictIcon({ state }: { state: Verdict["state"] }) {
  const stroke = { checking: "M10 5v5l3 2", good: "M6 10.5l2.8 2.8L14 7.5", attention: "M10 5.5v5.5M10 14v.1", bad: "M7 7l6 6M13 7l-6 6" }[state];
  return (
    <svg className="verdict-icon" viewBox="0 0 20 20" aria-hidden="true">
      <circle cx="10" cy="10" r="9" />
      <path d={stroke} />
    </svg>
  );
}
