import { once } from "../../once.mjs";

export const dynamic = "force-dynamic";

export const GET = async () => new Response(await once());
