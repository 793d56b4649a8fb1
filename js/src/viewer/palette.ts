import { css } from "lit";

/** The colours and fonts by their names, for the element and for the pages that are made with it. */
export const palette = css`
  --countersign-paper: light-dark(#f6f5f2, #16181b);
  --countersign-card: light-dark(#ffffff, #1e2125);
  --countersign-sunk: light-dark(#f1f0ec, #17191c);
  --countersign-ink: light-dark(#1d2125, #e8e9ea);
  --countersign-faint: light-dark(#5c636b, #a3abb4);
  --countersign-line: light-dark(#dddbd5, #34393f);
  --countersign-line-strong: light-dark(#8d9299, #6f7780);
  --countersign-accent: light-dark(#0e5a6b, #7cc8d8);
  --countersign-on-accent: light-dark(#ffffff, #0b2228);
  --countersign-good: light-dark(#17673c, #79cf9c);
  --countersign-good-wash: light-dark(#e7f3eb, #1b2c23);
  --countersign-fair: light-dark(#1d5f8a, #87c1ea);
  --countersign-fair-wash: light-dark(#e6f0f8, #1a2833);
  --countersign-doubt: light-dark(#7d5200, #e5b95c);
  --countersign-doubt-wash: light-dark(#faf1dc, #2e2717);
  --countersign-bad: light-dark(#a32020, #f29a93);
  --countersign-bad-wash: light-dark(#fbeae8, #351f1e);
  --countersign-success: light-dark(#5d9c7a, #4f8f6c);
  --countersign-failure: light-dark(#b3302e, #ee8a83);
  --countersign-unknown: light-dark(#8b929a, #8a929b);
  --countersign-sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  --countersign-mono:
    ui-monospace, "SF Mono", "Cascadia Mono", "Roboto Mono", "Noto Sans Mono", "DejaVu Sans Mono", monospace;
`;
