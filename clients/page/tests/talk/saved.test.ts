import { beforeEach, expect, test } from "vitest";
import { Keeper } from "../../src/shared/storage.js";
import { Conversation } from "../../src/talk/conversation.js";
import { forget, save, saveDraft, takeDraft, takeSaved } from "../../src/talk/saved.js";

/** A storage that may be full. */
class Store implements Storage {
  readonly kept = new Map<string, string>();
  capacity = Number.POSITIVE_INFINITY;
  get length(): number {
    return this.kept.size;
  }
  clear = () => this.kept.clear();
  key = (n: number) => [...this.kept.keys()][n] ?? null;
  getItem = (name: string) => this.kept.get(name) ?? null;
  removeItem = (name: string) => void this.kept.delete(name);
  setItem(name: string, value: string): void {
    if (value.length > this.capacity) throw new DOMException("full", "QuotaExceededError");
    this.kept.set(name, value);
  }
}

const SESSION = { conversation: "cv_1", resume: "token", after: 7 };
let storage: Store;
let keeper: Keeper;
let conversation: Conversation;

beforeEach(() => {
  storage = new Store();
  keeper = new Keeper(() => storage);
  conversation = new Conversation();
  conversation.id = "cv_1";
  conversation.remark("A remark.");
});

test("what was put away is taken once", () => {
  save(keeper, { conversation, session: SESSION, listening: true });
  const taken = takeSaved(keeper, "reload");
  expect(taken).toMatchObject({ session: SESSION, listening: true });
  expect(taken?.conversation.id).toBe("cv_1");
  expect(taken?.conversation.items).toEqual(conversation.items);
  expect(takeSaved(keeper, "reload")).toBeNull();
});

test("where there is no room the conversation goes on without what was said", () => {
  for (let n = 0; n < 100; n++) conversation.remark("Another remark.");
  storage.capacity = 500;
  save(keeper, { conversation, session: SESSION, listening: false });
  expect(takeSaved(keeper, "reload")?.conversation.items).toEqual([]);
});

test("where there is no room at all nothing is kept, and nothing breaks", () => {
  storage.capacity = 10;
  save(keeper, { conversation, session: SESSION, listening: false });
  expect(storage.length).toBe(0);
  expect(takeSaved(keeper, "reload")).toBeNull();
});

test.each(["", "{", "null", "7", '{"format":0}'])("rubbish is nothing: %s", (text) => {
  storage.setItem("voicesrv.conversation", text);
  expect(takeSaved(keeper, "reload")).toBeNull();
});

test("what is forgotten does not come back", () => {
  save(keeper, { conversation, session: SESSION, listening: true });
  forget(keeper);
  expect(takeSaved(keeper, "reload")).toBeNull();
});

test.each([
  ["reload", true],
  ["back_forward", true],
  ["navigate", false],
  ["prerender", false],
  [undefined, false],
])("a page that was opened by %s goes on: %s", (navigation, goesOn) => {
  save(keeper, { conversation, session: SESSION, listening: true });
  expect(takeSaved(keeper, navigation) !== null).toBe(goesOn);
  expect(storage.length).toBe(0); // a copy is of no use later either
});

test("a draft is taken once, by the page that is there again, for the conversation that it was typed in", () => {
  const put = () => saveDraft(keeper, "cv_1", "Are you there?");
  put();
  expect(takeDraft(keeper, "cv_1", "reload")).toBe("Are you there?");
  expect(takeDraft(keeper, "cv_1", "reload")).toBe("");
  put();
  expect(takeDraft(keeper, "cv_1", "navigate")).toBe("");
  expect(takeDraft(keeper, "cv_1", "reload")).toBe("");
  put();
  expect(takeDraft(keeper, "cv_2", "back_forward")).toBe("");
  put();
  saveDraft(keeper, "cv_1", "");
  expect(storage.length).toBe(0);
  storage.setItem("voicesrv.draft", "{");
  expect(takeDraft(keeper, "cv_1", "reload")).toBe("");
});
