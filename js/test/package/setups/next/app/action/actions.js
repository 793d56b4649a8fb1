"use server";

import { once } from "../../once.mjs";

export async function act() {
  return once();
}
