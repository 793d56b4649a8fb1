import * as inlined from "virtual:sample";
import { unpack } from "./unpack.ts";

/** An export to try the page with, and the trust file that goes with it. */
export async function sample(): Promise<{ exported: File; trust: File }> {
  return {
    exported: new File([await unpack(inlined.exported)], "sample.countersign.ndjson"),
    trust: new File([await unpack(inlined.trust)], "sample-trust.txt"),
  };
}
