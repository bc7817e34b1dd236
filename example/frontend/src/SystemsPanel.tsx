import type { System, SystemList } from "./api";
import type { Loading } from "./loading";

/** The systems that the backend lists. */
export function SystemsPanel({ systems, onRetry }: { systems: Loading<SystemList>; onRetry: () => void }) {
  return (
    <section aria-labelledby="systems-heading" aria-busy={systems.state === "loading"}>
      <div className="section-head">
        <h2 id="systems-heading">Systems</h2>
        {systems.state === "ready" && <p className="count">{systems.value.systems.length} listed</p>}
      </div>
      {systems.state === "loading" && <p className="note">Loading the systems…</p>}
      {systems.state === "failed" && (
        <div className="note" role="alert">
          <p>The systems could not be loaded: {systems.reason}.</p>
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        </div>
      )}
      {systems.state === "ready" && systems.value.systems.length === 0 && <p className="note">No systems are listed yet.</p>}
      {systems.state === "ready" && systems.value.systems.length > 0 && <SystemsTable systems={systems.value.systems} />}
    </section>
  );
}

function SystemsTable({ systems }: { systems: System[] }) {
  return (
    <table className="systems">
      <thead>
        <tr>
          <th scope="col">System</th>
          <th scope="col">Owner</th>
          <th scope="col">Lifecycle</th>
        </tr>
      </thead>
      <tbody>
        {systems.map((system) => (
          <tr key={system.acronym}>
            <th scope="row">
              <span className="system-name">
                {system.name} <abbr>{system.acronym}</abbr>
              </span>
              <span className="description">{system.description}</span>
            </th>
            <td>{system.owner}</td>
            <td>{system.lifecycle}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
