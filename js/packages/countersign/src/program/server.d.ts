/** The log server of `countersign dev`, which `cloudflare-log` builds. */
declare module "*/dev/server.node.js" {
  /** Runs a log for development until it is stopped. Returns the exit status. */
  export const runDevLog: (log: import("./dev-log.node.js").DevLog) => Promise<number>;
}
