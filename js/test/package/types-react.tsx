/** Type tests for the element in React's JSX, compiled against the tarball and never run. */

import type { CountersignViewer, Report } from "@countersign/viewer/react";
import { useRef, useState } from "react";

export function Trail({ file }: { file: Blob | undefined }) {
  const viewer = useRef<CountersignViewer>(null);
  const [report, setReport] = useState<Report>();
  return (
    <section>
      <countersign-viewer
        ref={viewer}
        className="trail"
        lang="en"
        src="/export"
        trust="/trust.txt"
        live
        file={file}
        pins={["pin"]}
        request={(address, init) => fetch(address, init)}
        oncountersign-report={({ detail }) => setReport(detail.report)}
        oncountersign-open={({ detail }) => console.log(detail.row)}
      />
      <p>{report?.verdict}</p>
    </section>
  );
}

export const mistaken = [
  // @ts-expect-error: `src` must be a string
  <countersign-viewer key="src" src={1} />,
  // @ts-expect-error: unknown property
  <countersign-viewer key="source" source="/export" />,
  // @ts-expect-error: unknown field of a report
  <countersign-viewer key="report" oncountersign-report={({ detail }) => detail.report.result} />,
];
