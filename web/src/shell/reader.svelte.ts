import { ask, read } from "../wire/http";
import { session } from "./session.svelte";

interface Organisation {
  name: string;
  operator: boolean;
}

class Reader {
  #organisation = $state.raw<Organisation | null>(null);

  constructor() {
    session.onLeave(() => (this.#organisation = null));
  }

  /** Null until the server has said whose key this is. */
  get organisation(): Organisation | null {
    return this.#organisation;
  }

  /** Asks the server, for a page that does not get to know it otherwise. */
  async ask() {
    const view = await read<{ organisation: Organisation }>(await ask("/api/console?window_s=300"));
    this.meet(view.organisation);
  }

  meet(organisation: Organisation) {
    const known = this.#organisation;
    if (known?.name !== organisation.name || known.operator !== organisation.operator) {
      this.#organisation = organisation;
    }
  }
}

/** Whose key this is, as the server says. */
export const reader = new Reader();
