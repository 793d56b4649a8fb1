/** A Worker that runs the scenarios of accounts.ts within one request. */

import { createRecorder } from "../../packages/countersign/dist/record/record.js";
import { inFrontOfDeadLog, oneAfterTheOther, type Place } from "./accounts.ts";

export default {
  async fetch(request: Request): Promise<Response> {
    const place = (await request.json()) as Place;
    const proven = await oneAfterTheOther(createRecorder, place);
    return new Response(`${proven}\n${JSON.stringify(await inFrontOfDeadLog(createRecorder, place))}\n`);
  },
};
