const STORED_AS = "sinew.theme";

/** In the order in which the switch goes through them. `auto` follows the system. */
const THEMES = ["auto", "light", "dark"] as const;

export type Theme = (typeof THEMES)[number];

class Appearance {
  #theme = $state<Theme>(THEMES.find((theme) => theme === localStorage.getItem(STORED_AS)) ?? "auto");

  get theme(): Theme {
    return this.#theme;
  }

  next() {
    this.#theme = THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length] ?? "auto";
    localStorage.setItem(STORED_AS, this.#theme);
  }
}

/** Light or dark. */
export const appearance = new Appearance();
