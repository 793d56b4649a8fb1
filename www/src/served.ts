import "./main.ts";
import "./log/panel.css";
import { LogPanel } from "./log/panel.ts";

customElements.define("countersign-log", LogPanel);
