/** The version that the build stamped into the page. */
export function siteVersion(page: Document): string {
  return page.querySelector<HTMLMetaElement>('meta[name="easi-version"]')?.content ?? "unknown";
}
