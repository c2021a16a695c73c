/** Style sheets that a strict Content-Security-Policy allows: made by the page's script, never `<style>` or `style=`. */

/** Gives the sheet for the page of a window, made when it is first wanted there: one serves in no other document. */
export function sheet(css: string): (page: Window & typeof globalThis) => CSSStyleSheet {
  const made = new WeakMap<Document, CSSStyleSheet>();
  return (page) => {
    const known = made.get(page.document);
    if (known !== undefined) return known;
    const fresh = new page.CSSStyleSheet();
    fresh.replaceSync(css);
    made.set(page.document, fresh);
    return fresh;
  };
}
