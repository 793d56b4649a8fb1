import core from "./core.de.json" with { type: "json" };
import texts from "./de.json" with { type: "json" };
import { language } from "./texts.js";

/** German. */
export const de = language("de", texts, core);
