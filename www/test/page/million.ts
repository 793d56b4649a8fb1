/** What the test of the long list puts into a page of its own: the list and the store, and generated events. */
import { EventList } from "../../src/events/list.ts";
import { EventStore } from "../../src/events/store.ts";

const ROWS = 1_000_000;
const BATCH = 2_000;

customElements.define("countersign-events", EventList);

const store = new EventStore();
const chain = "0123456789abcdef0123456789abcdef";
const actions = ["job.create", "job.trigger", "session.login", "config.update"];
for (let first = 0; first < ROWS; first += BATCH) {
  let lines = "";
  for (let row = first; row < first + BATCH; row += 1) {
    const time = new Date(Date.UTC(2026, 10, 1) + row * 1000).toISOString();
    lines +=
      `{"line":${row + 3},"index":${row + 1},"chain":"${chain}","seq":${row + 1},"time":"${time}","authorised":true,` +
      `"vkey":"example.com/a+5cc3cc17+A","event":{"action":"${actions[row % 4]}","actor":{"id":"u_${row}"},"n":${row}}}\n`;
  }
  store.add(new TextEncoder().encode(lines));
}
store.settle();

const list = new EventList();
document.body.append(list);
list.show(store, () => "trusted");
