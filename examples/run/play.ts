/** Plays the attack when Enter is pressed in `cargo xtask start`. Its settings are in the environment. */

import process from "node:process";
import { play } from "./attack.ts";

const {
  DASHBOARD = "",
  WORKER = "",
  LOG = "",
  ALERTS = "",
  TRUST = "",
  TOKEN_FILE = "",
  OUT = ".",
  PAGE = "",
} = process.env;
try {
  const { evidence } = await play(
    {
      dashboard: DASHBOARD,
      worker: WORKER,
      log: LOG,
      alerts: ALERTS,
      trust: TRUST,
      token: TOKEN_FILE,
      out: OUT,
    },
    (line) => console.log(`  ${line}`),
  );
  const files = evidence.map((file) => `    ${file}`).join("\n");
  console.log(`  The evidence; drop it on ${PAGE} together with ${TRUST}:\n${files}`);
} catch (error) {
  console.error(`  ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
