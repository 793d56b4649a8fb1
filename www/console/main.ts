import "virtual:look.css";
import "../src/style/base.css";
import "../src/style/page.css";
import "../src/style/result.css";
import "../src/style/coverage.css";
import "../src/style/evidence.css";
import "./console.css";
import "./sections.css";
import "./status/status.css";
import { define } from "@countersign/ui/viewer/view.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import { Console } from "./console.ts";

define("countersign-viewer", Viewer);
define("countersign-console", Console);
