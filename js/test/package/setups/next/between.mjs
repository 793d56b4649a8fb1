/** Runs in front of the pages: `proxy.js` in Node.js, `middleware.js` at the edge. */

import { NextResponse } from "next/server";
import { once } from "./once.mjs";

export async function between() {
  return NextResponse.json(await once());
}
