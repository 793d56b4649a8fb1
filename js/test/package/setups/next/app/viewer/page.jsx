"use client";

import "@countersign/viewer";
import { useEffect, useState } from "react";
import { recorded, TRUST } from "../../once.mjs";

export default function Page() {
  const [file, setFile] = useState();
  const [said, setSaid] = useState("");
  useEffect(() => {
    recorded().then((text) => setFile(new Blob([text])));
  }, []);
  // React sets no properties of an element that a server rendered.
  return (
    <>
      {file && (
        <countersign-viewer
          trustText={TRUST}
          file={file}
          oncountersign-report={({ detail }) => setSaid(detail.report.verdict)}
        />
      )}
      <p id="said">{said}</p>
    </>
  );
}
