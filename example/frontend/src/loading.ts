import { useCallback, useEffect, useRef, useState } from "react";

/** What is known of something that is fetched. While it is fetched again, what was known before stays. */
export type Loading<T> = { state: "loading" } | { state: "ready"; value: T } | { state: "failed"; reason: string };

/** Fetches once, then again every `everyMs` if that is given, and when the caller asks. Only the latest answer counts. */
export function useLoading<T>(fetchIt: () => Promise<T>, everyMs?: number): [Loading<T>, () => void] {
  const [loading, setLoading] = useState<Loading<T>>({ state: "loading" });
  const latest = useRef(0);

  const load = useCallback(() => {
    const mine = ++latest.current;
    fetchIt().then(
      (value) => mine === latest.current && setLoading({ state: "ready", value }),
      (error: unknown) => mine === latest.current && setLoading({ state: "failed", reason: error instanceof Error ? error.message : String(error) }),
    );
  }, [fetchIt]);

  useEffect(() => {
    load();
    const timer = everyMs === undefined ? undefined : window.setInterval(load, everyMs);
    return () => {
      latest.current++;
      window.clearInterval(timer);
    };
  }, [load, everyMs]);

  return [loading, load];
}
