/** The parts of the Workers runtime's types that are used. */
declare module "cloudflare:workers" {
  /** Missing in older runtimes. Throws outside of requests. */
  export const waitUntil: ((work: Promise<unknown>) => void) | undefined;
}
