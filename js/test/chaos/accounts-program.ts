/** A program for Node.js, Deno, and Bun that only records: `accounts-program.ts PLACE`. */

import { createRecorder } from "../../packages/countersign/dist/record/record.js";
import { inFrontOfDeadLog, oneAfterTheOther, type Place } from "./accounts.ts";

const place = JSON.parse(process.argv[2] ?? "") as Place;
console.log(await oneAfterTheOther(createRecorder, place));
console.log(JSON.stringify(await inFrontOfDeadLog(createRecorder, place)));
