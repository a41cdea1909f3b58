const PAGES = ["console", "chat"] as const;

export type Page = (typeof PAGES)[number];

class Route {
  #page = $state(named(location.pathname));

  get page(): Page {
    return this.#page;
  }

  /** Shows a page as a link would, without loading the program again. */
  go(page: Page) {
    if (page !== this.#page) {
      history.pushState(null, "", `/${page}`);
      this.#page = page;
      scrollTo(0, 0);
    }
  }

  /** The address changed by the browser's own buttons. */
  follow() {
    this.#page = named(location.pathname);
  }
}

function named(path: string): Page {
  return PAGES.find((page) => path === `/${page}` || path.startsWith(`/${page}/`)) ?? "console";
}

/** Lets a link go through `go`, except where the reader asks for a new tab or window. */
export function isPlainClick(click: MouseEvent): boolean {
  return click.button === 0 && !click.metaKey && !click.ctrlKey && !click.shiftKey && !click.altKey;
}

/** Which page is shown. */
export const route = new Route();
