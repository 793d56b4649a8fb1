import { SearchController } from "@countersign/ui/viewer/search/search-controller.js";
import { type Selection, selectionOf } from "@countersign/ui/viewer/search/selection.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";

/** The search of questions in a session, apart from that of a viewer. */
export class QuestionSearch {
  readonly #controller: SearchController;
  #query = "";

  constructor(session: Session, changed: () => void) {
    this.#controller = new SearchController(session, changed);
  }

  get selection(): Selection {
    return selectionOf(this.#controller, { text: this.#query, filters: [] }, undefined);
  }

  /** Runs a query. Resolves when the result is complete. */
  async search(query: string): Promise<void> {
    this.#query = query;
    await this.#controller.ask({ text: query, filters: [] }, { by: "place", descending: false });
  }

  close(): void {
    this.#controller.close();
  }
}
