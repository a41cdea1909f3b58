const STORED_AS = "sinew.key";

/** A key that can travel in a header: one word of plain characters. */
const WELL_FORMED = /^[\x21-\x7e]+$/;

class Session {
  #key = $state(sessionStorage.getItem(STORED_AS));
  #isRejected = $state(false);
  #onLeave: (() => void)[] = [];

  /** The reader's key. It goes into the header of a request and nowhere else. */
  get key(): string | null {
    return this.#key;
  }

  /** Whether the server refused the last key. */
  get isRejected(): boolean {
    return this.#isRejected;
  }

  /** Takes a key. Another key is another reader, who must not find what the one before left. */
  enter(key: string) {
    if (key !== this.#key) {
      this.leave();
    }
    sessionStorage.setItem(STORED_AS, key);
    this.#key = key;
  }

  leave() {
    sessionStorage.removeItem(STORED_AS);
    this.#key = null;
    this.#isRejected = false;
    this.#onLeave.forEach((forget) => forget());
  }

  /** The server does not know this key. A late answer about a key that was replaced changes nothing. */
  reject(key: string) {
    if (key === this.#key) {
      this.leave();
      this.#isRejected = true;
    }
  }

  /** What must be forgotten together with the key. */
  onLeave(forget: () => void) {
    this.#onLeave.push(forget);
  }

  /** Takes the key out of the address (`#key=…`) at once, so that it is in no history and no bookmark. */
  takeFromAddress() {
    const key = new URLSearchParams(location.hash.slice(1)).get("key");
    if (key === null) {
      return;
    }
    history.replaceState(history.state, "", location.pathname + location.search);
    if (isWellFormed(key)) {
      this.enter(key);
    }
  }
}

/** Whether the text can be a key at all. */
export function isWellFormed(key: string): boolean {
  return WELL_FORMED.test(key);
}

/** Who reads, as far as this tab knows. */
export const session = new Session();
