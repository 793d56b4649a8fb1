/** Addresses of log servers, with the rules of the native program (crates/client/src/http.rs). */

/** Returns the reason why an address can't be used. */
export function addressProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) {
    const isRelative = !/^[a-z][a-z\d+.-]*:/i.test(text.trim());
    return `the URL is malformed: ${isRelative ? "relative URL without a base" : "invalid host or port"}`;
  }
  if (!/^https?:$/.test(url.protocol)) {
    return "the URL must start with http:// or https://";
  }
  if (url.username !== "" || url.password !== "") {
    return "the URL must not contain a user name or password, because URLs end up in logs";
  }
  return /[?#]/.test(url.href) ? "the URL must not have a query or a fragment" : undefined;
}

/** Returns the address of a log server that links are submitted to. */
export function submitAddress(url: string, since: string | undefined): string {
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/$/, "")}/submit`;
  if (since !== undefined) {
    address.searchParams.set("since", since);
  }
  return address.href;
}
