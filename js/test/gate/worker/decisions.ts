/** Decides on the events that it receives. */

import { encoder, Room } from "../../../packages/countersign/dist/gate/core.js";
import * as wasm from "../../../packages/countersign/dist/wasm/gate.js";
import module from "../../../packages/countersign/dist/wasm/gate_bg.wasm";

interface DecisionRequest {
  pack: string;
  watchlist: string;
  key: string;
  cases: readonly { event: string; now: string }[];
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pack, watchlist, key, cases } = (await request.json()) as DecisionRequest;
    wasm.initSync({ module });
    const gate = new wasm.Gate(encoder.encode(pack));
    gate.watch(new wasm.SignedList(watchlist, key));
    const room = new Room(wasm, gate);
    return Response.json(cases.map(({ event, now }) => gate.decide(room.write(event), Date.parse(now)) ?? null));
  },
};
