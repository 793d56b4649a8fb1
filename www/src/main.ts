import "./style.css";
import { EventDetails } from "./events/details.ts";
import { EventList } from "./events/list.ts";
import { AddKey } from "./input/add-key.ts";
import { Page } from "./page.ts";
import { Keep } from "./result/keep.ts";

customElements.define("countersign-events", EventList);
customElements.define("countersign-details", EventDetails);
customElements.define("countersign-add-key", AddKey);
customElements.define("countersign-keep", Keep);
customElements.define("countersign-page", Page);
