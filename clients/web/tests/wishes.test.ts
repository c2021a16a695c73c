import { expect, test } from "vitest";
import type { Changes, Settings } from "../src/settings.js";
import { Wishes } from "../src/wishes.js";

/** Ask for changes, and return the id of what asks for them. */
function ask(wishes: Wishes, changes: Changes): string {
  const command = wishes.ask(changes);
  expect(command).toMatchObject({ type: "configure", ...changes });
  return (command as unknown as { id: string }).id;
}

test("what is agreed to is asked of the next conversation, what is refused is not", () => {
  const wishes = new Wishes({ mode: "listen" });
  const [good, bad] = [ask(wishes, { language: "de" }), ask(wishes, { voice: "x" })];
  expect(wishes.query).toEqual({ mode: "listen" });
  expect(wishes.settings).toEqual({ mode: "listen", language: "de", voice: "x" });
  wishes.agreed(good);
  expect(wishes.refused(bad)).toEqual({ voice: "x" });
  expect(wishes.query).toEqual({ mode: "listen", language: "de" });
  expect(wishes.settings).toEqual(wishes.query);
  expect(wishes.unanswered).toEqual([]);
});

test("an answer that comes twice, as after a drop, or to somebody else is none", () => {
  const wishes = new Wishes();
  const id = ask(wishes, { language: "de" });
  for (const other of [null, 1, "t1"]) {
    wishes.agreed(other);
    expect(wishes.refused(other)).toBeNull();
  }
  wishes.agreed(id);
  expect(wishes.refused(id)).toBeNull();
  expect(wishes.query).toEqual({ language: "de" });
});

test("what no address can hold is asked for once a conversation stands, before what was asked meanwhile", () => {
  const wishes = new Wishes({ agent: "a", instructions: "Be brief.", tools: [{ name: "t" }] });
  expect(wishes.query).toEqual({ agent: "a" });
  ask(wishes, { instructions: "Be long." });
  wishes.begun();
  const [first, second] = wishes.unanswered as unknown as { id: string }[];
  expect(first).toMatchObject({ type: "configure", instructions: "Be brief.", tools: [{ name: "t" }] });
  expect(second).toMatchObject({ type: "configure", instructions: "Be long." });
  expect(wishes.settings.instructions).toBe("Be long.");
  expect(wishes.refused(first?.id as string)).toMatchObject({ tools: [{ name: "t" }] });
  wishes.begun();
  expect(wishes.unanswered).toHaveLength(1); // the refused ones are not asked for again
});

test("who names one wait means that one", () => {
  const wishes = new Wishes({ endpointing_ms: 200, endpointing_max_ms: 900 });
  expect(wishes.waits).toEqual({ endpointing_ms: 200, endpointing_max_ms: 900 });
  wishes.keep({ endpointing_ms: 500 });
  expect(wishes.query).toEqual({ endpointing_ms: 500 });
  expect(wishes.waits).toEqual({ endpointing_ms: 500, endpointing_max_ms: 0 });
});

test("push to talk asks for no wait, and remembers those before it", () => {
  expect(new Wishes({}, true).query).toEqual({ endpointing_ms: 0 });
  expect(new Wishes({}, true).waits).toEqual({ endpointing_ms: null, endpointing_max_ms: null });
  const wishes = new Wishes({ endpointing_max_ms: 900 }, true);
  expect(wishes.waits).toEqual({ endpointing_ms: null, endpointing_max_ms: 900 });
  const id = ask(wishes, { endpointing_max_ms: 2000 });
  expect(wishes.waits).toEqual({ endpointing_ms: null, endpointing_max_ms: 2000 });
  wishes.refused(id);
  expect(wishes.waits).toEqual({ endpointing_ms: null, endpointing_max_ms: 900 });
});

test("an answer settles what was asked before it: the server had no eye for that, and never will", () => {
  const wishes = new Wishes();
  ask(wishes, { language: "de" });
  const id = ask(wishes, { language: "en" });
  ask(wishes, { voice: "x" });
  wishes.agreed(id);
  expect(wishes.query).toEqual({ language: "en" });
  expect(wishes.settings).toEqual({ language: "en", voice: "x" });
  expect(wishes.unanswered).toHaveLength(1);
});

test("a conversation that goes on is asked for what a new one has in its address, and so is one that takes its place", () => {
  const wishes = new Wishes({ agent: "guide", endpointing_ms: 500 }, true, true);
  expect(wishes.query).toEqual({});
  expect(wishes.unanswered).toMatchObject([{ agent: "guide", endpointing_ms: 0 }]);
  expect(wishes.waits).toEqual({ endpointing_ms: 500, endpointing_max_ms: 0 });
  wishes.anew();
  expect(wishes.query).toEqual({ agent: "guide", endpointing_ms: 0 });
  expect(wishes.unanswered).toEqual([]);
});

test("waits that are wanted during push to talk are for after it", () => {
  const wishes = new Wishes({ endpointing_ms: 300 }, true);
  expect(wishes.putAside({ language: "de", endpointing_ms: 800 })).toEqual({ language: "de" });
  expect(wishes.query).toEqual({ endpointing_ms: 0 });
  expect(wishes.waits).toEqual({ endpointing_ms: 800, endpointing_max_ms: 0 });
  wishes.putAside({ endpointing_ms: null });
  expect(wishes.waits).toEqual({ endpointing_ms: null, endpointing_max_ms: null });
});

test("null brings back what the server chooses", () => {
  const wishes = new Wishes({ language: "de", endpointing_ms: 200, endpointing_max_ms: 900 });
  const id = ask(wishes, { language: null, endpointing_ms: null });
  expect(wishes.settings).toEqual({});
  expect(wishes.query).toEqual({ language: "de", endpointing_ms: 200, endpointing_max_ms: 900 });
  wishes.agreed(id);
  expect(wishes.query).toEqual({});
  expect(wishes.waits).toEqual({ endpointing_ms: null, endpointing_max_ms: null });
});

test("undefined is as if it were left out", () => {
  const wishes = new Wishes({ language: "de", voice: undefined } as unknown as Settings);
  wishes.keep({ language: undefined } as unknown as Settings);
  expect(wishes.query).toEqual({ language: "de" });
});

test("takes a bounded number of changes that nobody answers", () => {
  const wishes = new Wishes();
  for (let n = 0; n < 100; n++) expect(wishes.ask({ words: true })).not.toBeNull();
  expect(wishes.ask({ words: true })).toBeNull();
});

test("what is no JSON is refused where it is given", () => {
  const wishes = new Wishes();
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  expect(() => wishes.keep({ tools: [{ name: "t", parameters: cyclic }] })).toThrow(TypeError);
  expect(wishes.settings).toEqual({});
});
