/** The languages of whoever looks, which some browsers have from the system as it says them: "C", "en-US@posix". Pure. */

/** Whether it is a language tag (BCP 47): `Intl` throws at anything else. */
export function isLanguageTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}
