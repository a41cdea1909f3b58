import { en, type Words } from "./en";
import { fr } from "./fr";

const CATALOGUES: Record<string, Words> = { en, fr };
const STORED_AS = "sinew.language";

/** The codes of the languages that the pages speak. */
export const codes = Object.keys(CATALOGUES);

class Language {
  #code = $state(preferred());

  /** The language's code, as `lang` and `Accept-Language` want it. */
  get code(): string {
    return this.#code;
  }

  /** Everything that the pages say. */
  get words(): Words {
    return CATALOGUES[this.#code] ?? en;
  }

  /** The locale for dates and numbers: the reader's own variant of the language where the browser knows one. */
  get locale(): string {
    const own = navigator.languages.find((tag) => tag.split("-")[0] === this.#code);
    return own ?? (this.#code === "en" ? "en-GB" : this.#code);
  }

  choose(code: string) {
    this.#code = code;
    localStorage.setItem(STORED_AS, code);
  }
}

function preferred(): string {
  const wanted = [localStorage.getItem(STORED_AS) ?? "", ...navigator.languages];
  const spoken = wanted.map((tag) => tag.split("-")[0] ?? "").find((tag) => tag in CATALOGUES);
  return spoken ?? "en";
}

/** The reader's language: the choice made here before, or else the browser's. */
export const language = new Language();
