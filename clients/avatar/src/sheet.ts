/** Style sheets that a strict Content-Security-Policy allows: made by the page's script, never `<style>` or `style=`. */

/** Gives the sheet, made when it is first wanted, as servers that render pages have none. */
export function sheet(css: string): () => CSSStyleSheet {
  let made: CSSStyleSheet | undefined;
  return () => {
    if (made === undefined) {
      made = new CSSStyleSheet();
      made.replaceSync(css);
    }
    return made;
  };
}
