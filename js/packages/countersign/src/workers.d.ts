/** What a Worker's own types say, as far as it is needed here. */
declare module "cloudflare:workers" {
  /** Older runtimes have none. It throws outside of requests. */
  export const waitUntil: ((work: Promise<unknown>) => void) | undefined;
}
