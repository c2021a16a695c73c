/** The key that was typed in: kept for this tab alone, and never in an address. */

import { ofTab } from "./storage.js";

const NAME = "voicesrv.key";
let unkept: string | undefined; // where the browser keeps nothing, it serves until the page is left

export function storedKey(): string | undefined {
  return unkept ?? ofTab.get(NAME) ?? undefined;
}

export function storeKey(key: string): void {
  unkept = ofTab.set(NAME, key) ? undefined : key;
}

export function forgetKey(): void {
  unkept = undefined;
  ofTab.remove(NAME);
}
