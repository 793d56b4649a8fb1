/** The sessions that a section can cover: the loaded events, those that a search found, and the live view. */

import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import type { Search } from "./search-runner.ts";
import type { Searches } from "./searches.ts";
import type { Origin, Scope, Verified } from "./verified.ts";
import type { Watch } from "./watch.ts";
import type { Withheld } from "./withheld.ts";

export class Sources {
  readonly #changed: () => void;
  /** The reader's choice. */
  chosen: Origin = "search";
  /** Views of sessions, by report. */
  readonly #drawn = new WeakMap<Session, { readonly report: Report; readonly verified: Verified }>();

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  all({ loaded, found }: Searches, watch: Watch | undefined): readonly Verified[] {
    return [
      ...this.#drawSearch("search", loaded.search),
      ...this.#drawSearch("found", found.search),
      ...(watch === undefined
        ? []
        : [
            this.#draw("live", watch.session, watch.withheld, {
              conditions: undefined,
              at: watch.began,
              seen: watch.options.seen,
            }),
          ]),
    ];
  }

  #drawSearch(from: Origin, { session, withheld, conditions, at, seen }: Search): readonly Verified[] {
    return session === undefined || withheld === undefined
      ? []
      : [this.#draw(from, session, withheld, { conditions, at, seen })];
  }

  /** Returns the chosen session, or another one if it doesn't exist. */
  shown(all: readonly Verified[]): Verified | undefined {
    return all.find(({ from }) => from === this.chosen) ?? all[0];
  }

  /** The coverage is computed in the background, once per report. */
  #draw(from: Origin, session: Session, withheld: Withheld, scope: Scope): Verified {
    const { report } = session;
    const known = this.#drawn.get(session);
    const verified: Verified = { from, session, withheld, scope, coverage: known?.verified.coverage };
    if (report !== undefined && known?.report !== report) {
      this.#drawn.set(session, { report, verified });
      void session.index.coverage().then(
        (coverage) => {
          this.#drawn.set(session, { report, verified: { ...verified, coverage } });
          this.#changed();
        },
        // The session was closed meanwhile.
        () => {},
      );
    }
    return verified;
  }
}
