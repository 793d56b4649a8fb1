import { guarded } from "../audited/recorder.js";

export const dynamic = "force-dynamic";

export const GET = guarded(() => new Response("answered all the same"));
