/** Resolves `@countersign/*` in Node.js as tsc and vite do. To be imported before what needs it. */

import { registerHooks } from "node:module";

const ALIAS = "@countersign/";
const dist = new URL("../../../js/dist/", import.meta.url);

registerHooks({
  resolve: (specifier, context, next) =>
    next(
      specifier.startsWith(ALIAS) ? new URL(specifier.slice(ALIAS.length), dist).href : specifier,
      context,
    ),
});
