import "virtual:look.css";
import "./style.css";
import "@countersign/ui/viewer/texts/de.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import { tools } from "../../src/tools.ts";
import { run } from "../run.ts";
import { sceneOf } from "./scenes.ts";
import { clear } from "./stage.ts";

customElements.define("countersign-viewer", Viewer);
Viewer.tools = await tools();
run(clear, sceneOf);
