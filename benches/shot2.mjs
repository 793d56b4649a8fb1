import { launch, serve } from "./page/browser.mjs";
import { exportOf } from "../js/test/verify/exports.ts";
