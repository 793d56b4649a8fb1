"use client";

import { useState } from "react";
import { act } from "./actions.js";

export default function Page() {
  const [said, setSaid] = useState("");
  return (
    <>
      <button type="button" onClick={async () => setSaid(await act())}>
        Act
      </button>
      <p id="said">{said}</p>
    </>
  );
}
