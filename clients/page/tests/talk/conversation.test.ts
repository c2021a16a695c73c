import { readFileSync } from "node:fs";
import type { ServerEvent } from "@voicesrv/web";
import { describe, expect, test } from "vitest";
import { Conversation, heardLength, type Reply, type Turn } from "../../src/talk/conversation.js";

const RECORDED = new URL("../../../../tests/data/wire/native/converse.jsonl", import.meta.url);

/** An event, without the fields that no page looks at. */
const event = (fields: object): ServerEvent => ({ seq: 0, ...fields }) as ServerEvent;

/** What a person would read, item by item. */
const read = (conversation: Conversation): string[] =>
  conversation.items.map((item) => {
    if (item.kind === "turn") return `${item.stable}|${item.tentative}${item.settled ? "." : ""}`;
    if (item.kind === "reply") return `> ${item.text}`;
    return `# ${item.text}`;
  });

describe("a recorded conversation", () => {
  const events = readFileSync(RECORDED, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { from?: string; text?: string })
    .filter(({ from, text }) => from === "server" && text !== undefined)
    .map(({ text }) => JSON.parse(text as string) as ServerEvent);

  test("ends as its turns and replies ended", () => {
    const conversation = new Conversation();
    for (const each of events) conversation.apply(each);
    const of = <T extends ServerEvent["type"]>(type: T) =>
      events.filter((each): each is Extract<ServerEvent, { type: T }> => each.type === type);
    const turns = conversation.items.filter((item): item is Turn => item.kind === "turn");
    const replies = conversation.items.filter((item): item is Reply => item.kind === "reply");
    expect(turns.length).toBeGreaterThan(0);
    expect(replies.length).toBeGreaterThan(0);
    expect(turns.map(({ stable }) => stable)).toEqual(
      of("turn.end")
        .map(({ text }) => text)
        .filter((text) => text !== ""),
    );
    expect(replies.map(({ text }) => text)).toEqual(of("reply.end").map(({ text }) => text));
    expect(conversation.items.every((item) => item.kind !== "turn" || item.settled)).toBe(true);
  });

  test("goes on from what was put away at any point", () => {
    for (let at = 0; at <= events.length; at++) {
      const before = new Conversation();
      for (const each of events.slice(0, at)) before.apply(each);
      const after = Conversation.of(before.id, structuredClone(before.items));
      for (const each of events.slice(at)) after.apply(each);
      const whole = new Conversation();
      for (const each of events) whole.apply(each);
      expect(read(after)).toEqual(read(whole));
    }
  });
});

test("a caption settles from its beginning", () => {
  const conversation = new Conversation();
  conversation.apply(event({ type: "turn.start", turn: 1 }));
  expect(read(conversation)).toEqual(["|"]);
  conversation.apply(event({ type: "transcript", turn: 1, text: "go for word", stable: 2 }));
  expect(read(conversation)).toEqual(["go| for word"]);
  conversation.apply(event({ type: "turn.end", turn: 1, text: "go forward" }));
  expect(read(conversation)).toEqual(["go forward|."]);
});

test("a turn in which nothing was understood goes", () => {
  const conversation = new Conversation();
  conversation.apply(event({ type: "turn.start", turn: 1 }));
  const changes = conversation.apply(event({ type: "turn.end", turn: 1, text: "" }));
  expect(changes.map(({ type }) => type)).toEqual(["drop"]);
  expect(conversation.items).toEqual([]);
});

test("a reply that was cut off says how much was heard", () => {
  const conversation = new Conversation();
  conversation.apply(event({ type: "reply.start", reply: 4, turn: 1 }));
  for (const delta of ["One two", " three."]) conversation.apply(event({ type: "reply.text", reply: 4, delta }));
  conversation.apply(
    event({ type: "reply.end", reply: 4, text: "One two three.", heard: "One two", cause: "interrupted" }),
  );
  expect(conversation.reply(4)).toMatchObject({ text: "One two three.", heardLength: 8, ending: "spoken_over" });
});

test.each([
  ["speech", [{ type: "turn.start", turn: 2 }], "spoken_over"],
  ["a message", [{ type: "turn.end", turn: 2, text: "Wait.", cause: "text" }], "typed_over"],
  [
    "speech after a message",
    [
      { type: "turn.end", turn: 2, text: "Wait.", cause: "text" },
      { type: "turn.start", turn: 3 },
    ],
    "spoken_over",
  ],
])("a reply that was cut off by %s says so", (_, turns, ending) => {
  const conversation = new Conversation();
  conversation.apply(event({ type: "turn.end", turn: 1, text: "Hello.", cause: "text" }));
  conversation.apply(event({ type: "reply.text", reply: 1, delta: "One two." }));
  for (const each of turns) conversation.apply(event(each));
  conversation.apply(event({ type: "reply.end", reply: 1, text: "One two.", heard: "One", cause: "interrupted" }));
  expect(conversation.reply(1)?.ending).toBe(ending);
});

test("a page that joins late takes replies from where it came in, and their text when they end", () => {
  const conversation = new Conversation();
  conversation.apply(event({ type: "reply.text", reply: 9, delta: "the end" }));
  conversation.apply(event({ type: "reply.end", reply: 9, text: "all but the end", heard: "", cause: "complete" }));
  expect(read(conversation)).toEqual(["> all but the end"]);
});

test("another conversation begins below a remark, and its numbers are its own", () => {
  const conversation = new Conversation();
  conversation.apply(event({ type: "ready", conversation: "a" }));
  conversation.apply(event({ type: "turn.end", turn: 1, text: "before" }));
  expect(conversation.apply(event({ type: "ready", conversation: "a" }))).toEqual([]);
  conversation.apply(event({ type: "ready", conversation: "b" }));
  conversation.apply(event({ type: "turn.end", turn: 1, text: "after" }));
  const [before, remark, after] = read(conversation);
  expect([before, after]).toEqual(["before|.", "after|."]);
  expect(remark).toMatch(/^# .*new one began/);
  expect(read(Conversation.of("b", structuredClone(conversation.items)))).toEqual([before, remark, after]);
});

test("the oldest go where there are too many, and what comes of them does not bring them back", () => {
  const conversation = new Conversation();
  let dropped = 0;
  for (let turn = 1; turn <= 400; turn++) {
    const changes = conversation.apply(event({ type: "turn.end", turn, text: `turn ${turn}` }));
    dropped += changes.filter(({ type }) => type === "drop").length;
  }
  expect(conversation.items.length).toBe(300);
  expect(dropped).toBe(100);
  expect(read(conversation)[0]).toBe("turn 101|.");
});

test("words are kept until the reply was heard", () => {
  const conversation = new Conversation();
  const items = [{ text: "Hello", start_ms: 0, end_ms: 300 }];
  conversation.apply(event({ type: "words", reply: 1, items }));
  expect(conversation.reply(1)?.words).toEqual(items);
  conversation.forgetWords(1);
  expect(conversation.reply(1)?.words).toEqual([]);
});

test.each([
  ["One two three.", "One two", "interrupted", 8],
  ["One two three.", "One two three.", "cancelled", 14],
  ["One two three.", "", "cancelled", 0],
  ["One two three.", "something else", "interrupted", 0],
  ["One two three.", "", "complete", 14],
  ["", "", "failed", 0],
])("of %j, with %j heard and %s: %i characters", (text, heard, cause, length) => {
  expect(heardLength(text, heard, cause)).toBe(length);
});
