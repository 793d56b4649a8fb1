import "virtual:look.css";
import "./style/base.css";
import "./style/page.css";
import "./style/result.css";
import "./style/coverage.css";
import "./style/print.css";
import "./style/evidence.css";
import { Viewer } from "@countersign/viewer/viewer.js";
import { EvidencePanel } from "./evidence/panel.ts";
import { Paste } from "./input/paste.ts";
import { Page } from "./page.ts";
import { Keep } from "./result/keep.ts";

customElements.define("countersign-viewer", Viewer);
customElements.define("countersign-paste", Paste);
customElements.define("countersign-keep", Keep);
customElements.define("countersign-evidence", EvidencePanel);
customElements.define("countersign-page", Page);
