"use client";

import { useState } from "react";
import { run } from "./actions.js";

export default function Page() {
  const [said, setSaid] = useState("");
  return (
    <>
      <button type="button" onClick={async () => setSaid(await run("nightly"))}>
        Run
      </button>
      <p id="said">{said}</p>
    </>
  );
}
