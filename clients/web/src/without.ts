/** Options that are left out. */

/** The same but for entries that say nothing, so that they stand in the way of no default. */
export function without<Nothing extends null | undefined, T extends object>(
  nothing: Nothing,
  values: T,
): { [Name in keyof T]?: Exclude<T[Name], Nothing> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== nothing)) as T;
}
