import { once } from "../../once.mjs";

export const config = { runtime: "edge" };

export default async function handler() {
  return new Response(await once());
}
