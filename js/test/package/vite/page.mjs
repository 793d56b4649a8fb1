/** A page built by Vite, which the test calls. */

import { scenario } from "../scenario.mjs";

globalThis.scenario = scenario;
globalThis.ready = true;
