/** A page built by Vite. The test calls this. */

import { scenario } from "../scenario.mjs";

globalThis.scenario = scenario;
globalThis.ready = true;
