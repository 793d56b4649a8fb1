import { once } from "../../once.mjs";

export const runtime = "edge";

export const GET = async () => new Response(await once());
