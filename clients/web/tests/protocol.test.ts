import { describe, expect, test } from "vitest";
import { VoiceError } from "../src/errors.js";
import type { AudioStart } from "../src/events.js";
import {
  type Audio,
  afterClose,
  backoffMs,
  buildUrl,
  type Command,
  encodeCommand,
  Incoming,
  type OptionValue,
} from "../src/protocol.js";
import { bytes, type Line, vectors } from "./wire.js";

describe("buildUrl", () => {
  test.each([
    ["https://voice.example.org", "wss://voice.example.org/ws?mode=listen"],
    ["http://127.0.0.1:8000/", "ws://127.0.0.1:8000/ws?mode=listen"],
    ["wss://voice.example.org/v1/stream?x=1", "wss://voice.example.org/v1/stream?x=1&mode=listen"],
    ["/", "wss://page.example:8443/ws?mode=listen"],
    ["/voice/ws", "wss://page.example:8443/voice/ws?mode=listen"],
  ])("%s", (url, expected) => {
    expect(buildUrl(url, { mode: "listen", voice: undefined }, "https://page.example:8443/app/?q")).toBe(expected);
  });

  test("says booleans and numbers as the server reads them, and escapes", () => {
    expect(buildUrl("ws://h", { interim: false, after: 7, voice: "a&b", keyterms: ["x", "y z"] })).toBe(
      "ws://h/ws?interim=false&after=7&voice=a%26b&keyterms=x%2Cy+z",
    );
  });

  test.each(["ftp://voice.example.org", "file:///voice", "voice", "http://"])("%s is no server", (url) => {
    expect(() => buildUrl(url, {})).toThrow(
      new TypeError(`${url} is no address of a server; it looks like https://voice.example.org`),
    );
  });
});

interface CommandVector {
  command: { kind: string; [field: string]: unknown };
  message?: Record<string, unknown>;
}

/** What a page asks for -> the command of the wire, by the server's names for them. */
// biome-ignore lint/suspicious/noExplicitAny: fields of any command
const COMMANDS: Record<string, (fields: any) => Command> = {
  Configure: ({ changes, id }) => ({ type: "configure", ...(id === undefined ? {} : { id }), ...changes }),
  SendText: ({ text }) => ({ type: "text", text }),
  Speak: ({ text, flush }) => ({ type: "speak", text, flush }),
  Flush: ({ id }) => (id === null ? { type: "flush" } : { type: "flush", id }),
  Finalize: () => ({ type: "finalize" }),
  Cancel: () => ({ type: "cancel" }),
  Playback: ({ reply, played_ms }) => ({ type: "playback", reply, played_ms }),
  ToolOutput: ({ id, output, is_error }) =>
    is_error ? { type: "tool_result", id, error: output } : { type: "tool_result", id, output },
  Ping: ({ id }) => (id === null ? { type: "ping" } : { type: "ping", id }),
  Close: ({ finish }) => ({ type: "close", ...(finish === false && { finish }) }),
};

describe("commands", () => {
  const spoken = vectors<CommandVector>("commands").filter(({ message }) => message !== undefined);

  test.each(spoken)("$message", ({ command, message }) => {
    const { kind, ...fields } = command;
    const encoded = JSON.parse(encodeCommand((COMMANDS[kind] as (typeof COMMANDS)[string])(fields)));
    // The server reads text in `output` that is JSON and JSON itself as the same; `flush` is true by default.
    const expected = { ...(kind === "Speak" ? { flush: true } : {}), ...message };
    if (kind === "ToolOutput" && typeof message?.output !== "string" && "output" in expected) {
      expected.output = JSON.stringify(message?.output);
    }
    expect(encoded).toEqual(expected);
  });

  test("halves of surrogate pairs, which the server refuses, are replaced; pairs are not", () => {
    expect(encodeCommand({ type: "text", text: "a\ud83d b\ude00 😀" })).toBe(
      '{"type":"text","text":"a\uFFFD b\uFFFD 😀"}',
    );
  });
});

test.each(vectors<{ code: string | null; close: number; next: string }>("closes"))(
  "after $close ($code): $next",
  (vector) => {
    expect(afterClose(vector.close)).toBe(vector.next);
  },
);

test.each(vectors<{ settings: Record<string, OptionValue>; query: string }>("queries"))(
  "$settings in an address: $query",
  ({ settings, query }) => {
    expect(buildUrl("ws://h", settings)).toBe(`ws://h/ws${query && "?"}${query}`);
  },
);

test("the wait grows from 250 ms to 10 s, and chance takes all of it", () => {
  expect([0, 1, 2, 5, 6, 60].map((attempt) => backoffMs(attempt, 1))).toEqual([250, 500, 1000, 8000, 10_000, 10_000]);
  expect(backoffMs(3, 0)).toBe(0);
  expect(backoffMs(3, 0.25)).toBe(500);
});

describe("Incoming", () => {
  /** The number of the `ready` that the first connection begins with. */
  function firstSeq(lines: Line[]): number {
    return JSON.parse(lines.find((line) => line.from === "server")?.text as string).seq;
  }

  /** What a recorded server said, through one `Incoming`; each `open` but the first is a resume. */
  function replay(lines: Line[]): { heard: { type: string }[]; opened: URL[]; asked: object[] } {
    const incoming = new Incoming({ after: firstSeq(lines) });
    const heard: { type: string }[] = [];
    const opened: URL[] = [];
    const asked: object[] = [];
    for (const { open, from, text, base64 } of lines) {
      if (open !== undefined) {
        opened.push(new URL(open, "ws://h"));
        asked.push(incoming.resumeQuery());
        if (opened.length > 1) incoming.resumed();
      } else if (from === "server") {
        const event = incoming.receive(text ?? bytes(base64 as string));
        if (event !== null) heard.push(event);
      }
    }
    return { heard, opened, asked };
  }

  test.each(["converse", "speak"])("a recorded conversation, %s, comes out whole", (name) => {
    const lines = vectors<Line>(name);
    const said = lines.filter((line) => line.from === "server");
    const types = said
      .filter((line) => line.text !== undefined)
      .map((line) => JSON.parse(line.text as string).type as string)
      .filter((type) => type !== "ready");
    const { heard } = replay(lines);
    expect(heard.filter((event) => event.type !== "audio").map((event) => event.type)).toEqual(types);
    const sent = said.reduce((sum, line) => sum + Buffer.from(line.base64 ?? "", "base64").length, 0);
    const audio = heard.filter((event) => event.type === "audio") as Audio[];
    expect(audio.reduce((sum, piece) => sum + piece.pcm.length, 0)).toBe(sent);
  });

  test.each(["resume", "join"])("asks to go on as the recorded client did, %s, and the audio has no gap", (name) => {
    const lines = vectors<Line>(name);
    const { heard, opened, asked } = replay(lines);
    const events = heard.filter((event) => event.type !== "audio") as { seq: number; type: string }[];
    expect(events.map((event) => event.seq)).toEqual(events.map((_, n) => firstSeq(lines) + 1 + n));
    const query = opened[1]?.searchParams as URLSearchParams;
    expect(asked[1]).toEqual({
      after: Number(query.get("after")),
      audio_reply: Number(query.get("audio_reply")),
      audio_ms: Number(query.get("audio_ms")),
    });
    const audio = heard.filter((event) => event.type === "audio") as Audio[];
    let position = (heard.find((event) => event.type === "audio.start") as AudioStart).start_ms;
    expect(position > 0).toBe(name === "join");
    for (const piece of audio) {
      expect(piece.start_ms).toBe(position);
      position += piece.pcm.length / 8; // 8 kHz mu-law
    }
    const end = heard.find((event) => event.type === "audio.end") as unknown as { duration_ms: number };
    expect(position).toBe(end.duration_ms);
  });

  const say = (type: string, fields: object): string => JSON.stringify({ type, ...fields });

  test("gives what is said twice once", () => {
    const incoming = new Incoming();
    expect(incoming.receive(say("clear", { seq: 3, reply: 1 }))).not.toBeNull();
    expect(incoming.receive(say("clear", { seq: 3, reply: 1 }))).toBeNull();
    expect(incoming.receive(say("pong", {}))).not.toBeNull(); // without a number it is no part of the conversation
    expect(incoming.lastSeq).toBe(3);
  });

  test("drops the part of a millisecond that comes twice", () => {
    const incoming = new Incoming();
    incoming.receive(say("audio.start", { seq: 1, reply: 4, sample_rate: 22050 }));
    incoming.receive(new Uint8Array(1001 * 2).buffer); // 45.39 ms
    expect(incoming.resumeQuery()).toEqual({ after: 1, audio_reply: 4, audio_ms: 45 });
    incoming.resumed();
    const twice = 1001 - Math.floor((45 * 22050) / 1000);
    expect(incoming.receive(new Uint8Array(twice).buffer)).toBeNull();
    const audio = incoming.receive(new Uint8Array(twice + 10).buffer) as Audio;
    expect(audio.pcm.length).toBe(10);
    expect(audio.start_ms).toBeCloseTo((1001 / 22050) * 1000);
  });

  test("counts from the ready that it begins with", () => {
    const incoming = new Incoming({ after: 1007 });
    expect(incoming.resumeQuery()).toEqual({ after: 1007 });
    expect(incoming.receive(say("clear", { seq: 1007, reply: 1 }))).toBeNull();
    expect(incoming.receive(say("clear", { seq: 1008, reply: 1 }))).not.toBeNull();
  });

  test.each([8000, 22050, 44100])("counts audio of %d Hz from where it begins", (sample_rate) => {
    const incoming = new Incoming();
    incoming.receive(say("audio.start", { seq: 1, reply: 4, sample_rate, start_ms: 3001 }));
    expect(incoming.resumeQuery()).toEqual({ after: 1, audio_reply: 4, audio_ms: 3001 });
    expect(incoming.receive(new Uint8Array(2002).buffer)).toMatchObject({ start_ms: 3001 });
    const ms = Math.floor((1001 * 1000) / sample_rate);
    expect(incoming.resumeQuery().audio_ms).toBe(3001 + ms);
    incoming.resumed();
    const twice = 1001 - Math.floor((ms * sample_rate) / 1000);
    const audio = incoming.receive(new Uint8Array(2 * twice + 10).buffer) as Audio;
    expect(audio.pcm.length).toBe(10);
    expect(audio.start_ms).toBeCloseTo(3001 + (1001 / sample_rate) * 1000);
  });

  test("goes on for a page that was reloaded", () => {
    const incoming = new Incoming({ after: 9, audio_reply: 2, audio_ms: 700 });
    expect(incoming.resumeQuery()).toEqual({ after: 9, audio_reply: 2, audio_ms: 700 });
    incoming.resumed();
    expect(incoming.receive(new Uint8Array(4).buffer)).toMatchObject({ reply: 2, start_ms: 700 });
  });

  test("refuses audio that nobody can cut into samples", () => {
    expect(() => new Incoming().receive(say("audio.start", { reply: 1, encoding: "opus" }))).toThrow(VoiceError);
  });
});
