/** A Cloudflare Worker. */

import { scenario } from "./scenario.mjs";

export default {
  async fetch(request) {
    try {
      return Response.json(await scenario(await request.json()));
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
