"use client";

import { useEffect, useState } from "react";
import { once } from "../../once.mjs";

export default function Page() {
  const [said, setSaid] = useState("");
  useEffect(() => {
    once().then(setSaid);
  }, []);
  return <p id="said">{said}</p>;
}
