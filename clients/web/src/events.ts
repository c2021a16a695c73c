/**
 * What the server says, one interface for each event of `voicesrv.v1`, and how it is read. Pure.
 *
 * Names and fields are those of the wire. Times are milliseconds of audio on the stream that the event
 * speaks of: the user's for turns, the reply's for replies. Fields that a server left out have the
 * defaults of the table below; keys that are not known stay on the object.
 */

import { VoiceError } from "./errors.js";

/** A word, heard or spoken, and when it sounds. */
export interface Word {
  text: string;
  start_ms: number;
  end_ms: number;
  /** 0 to 1; told of words that were heard. */
  confidence?: number;
}

/** A mouth shape and when it is held. */
export interface Viseme {
  /** One of the 15 Oculus shapes: sil PP FF TH DD kk CH SS nn RR aa E ih oh ou. */
  viseme: string;
  start_ms: number;
  end_ms: number;
}

interface Numbered {
  /** 1, 2, 3 … on the conversation; 0 where the event carries none. */
  seq: number;
}

/** The connection stands: the first event, and again after every reconnection. */
export interface Ready extends Numbered {
  type: "ready";
  protocol: string;
  conversation: string;
  connection: string;
  resume: string;
  /** All settings in force. */
  settings: Record<string, unknown>;
  /** Names by `vad`, `stt`, `llm`, `tts`. */
  engines: Record<string, unknown>;
  /** How far ahead of real time audio is sent. */
  lead_ms: number;
  /** Input audio that the server has. */
  received_ms: number;
  /** Text messages that the server has, from all sockets of this connection; null where it does not count them. */
  received_messages: number | null;
  limits: Record<string, unknown>;
}

/** All settings in force after a `configure`. */
export interface Configured extends Numbered {
  type: "configured";
  settings: Record<string, unknown>;
  /** Of the `configure`. */
  id: string | number | null;
}

/** The user began to speak. */
export interface TurnStart extends Numbered {
  type: "turn.start";
  turn: number;
  at_ms: number;
}

/** The whole turn so far; the first `stable` characters (code points) will not change. */
export interface Transcript extends Numbered {
  type: "transcript";
  turn: number;
  text: string;
  stable: number;
  words: Word[];
}

/** The user may have finished; a reply is being prepared. */
export interface TurnEagerEnd extends Numbered {
  type: "turn.eager_end";
  turn: number;
  text: string;
  confidence: number;
  at_ms: number;
}

/** The user went on; what was prepared is thrown away. */
export interface TurnResume extends Numbered {
  type: "turn.resume";
  turn: number;
  at_ms: number;
}

/** The user's turn is over; `text` is final, and empty where nothing was understood. */
export interface TurnEnd extends Numbered {
  type: "turn.end";
  turn: number;
  text: string;
  start_ms: number;
  end_ms: number;
  confidence: number;
  language: string;
  /** `silence`, `finalize`, `text`, `close` or `timeout`. */
  cause: string;
  words: Word[];
}

/** A reply is on its way; `turn` is null where the client asked for speech. */
export interface ReplyStart extends Numbered {
  type: "reply.start";
  reply: number;
  turn: number | null;
}

/** The next piece of the reply's text. */
export interface ReplyText extends Numbered {
  type: "reply.text";
  reply: number;
  delta: string;
}

/**
 * A tool is to be run, and answered with `VoiceClient.toolResult`: by the connection whose reply it is. All connections
 * of a conversation are told.
 */
export interface ToolCall extends Numbered {
  type: "tool_call";
  id: string;
  reply: number;
  /** As in the `ready` of whose reply it is; null where the server does not say. */
  connection: string | null;
  name: string;
  arguments: Record<string, unknown>;
}

/** Audio of this reply follows. */
export interface AudioStart extends Numbered {
  type: "audio.start";
  reply: number;
  encoding: string;
  sample_rate: number;
  channels: number;
  /** Where in the reply's audio it begins: not at 0 for who joined in the middle of it. */
  start_ms: number;
}

/** When the words of the reply sound, ahead of or with their audio. */
export interface Words extends Numbered {
  type: "words";
  reply: number;
  items: Word[];
}

/** The mouth shapes of the reply, ahead of or with their audio. */
export interface Visemes extends Numbered {
  type: "visemes";
  reply: number;
  items: Viseme[];
}

/** All audio of the reply has been sent. */
export interface AudioEnd extends Numbered {
  type: "audio.end";
  reply: number;
  duration_ms: number;
}

/** The audio of this reply that has not been played is dropped. */
export interface Clear extends Numbered {
  type: "clear";
  reply: number;
}

/** The reply is over; `heard` is what the user can have heard of `text`. */
export interface ReplyEnd extends Numbered {
  type: "reply.end";
  reply: number;
  text: string;
  heard: string;
  /** `complete`, `interrupted`, `cancelled` or `failed`. */
  cause: string;
}

/** Where the time went between the user's last speech and the reply's first audio. */
export interface Latency extends Numbered {
  type: "latency";
  turn: number | null;
  reply: number;
  endpoint_ms: number;
  stt_ms: number;
  llm_first_ms: number;
  tts_first_ms: number;
  total_ms: number;
}

/** The last audio of what was gathered has been sent. */
export interface Flushed extends Numbered {
  type: "flushed";
  id: string | number | null;
}

/** The answer to a `ping`. */
export interface Pong extends Numbered {
  type: "pong";
  id: string | number | null;
}

/** Something the user should know; nothing failed. */
export interface ServerWarning extends Numbered {
  type: "warning";
  code: string;
  message: string;
}

/** Something failed; `fatal` where the server closes right after it. */
export interface ServerError extends Numbered {
  type: "error";
  code: string;
  message: string;
  fatal: boolean;
  retry_after_ms: number | null;
  /** Of the command that was refused. */
  id: string | number | null;
}

/** An event that a newer server sends and this library does not know; `raw` has it all. */
export interface Unknown extends Numbered {
  type: "unknown";
  raw: Record<string, unknown>;
}

/** Any event of the server. */
export type ServerEvent =
  | Ready
  | Configured
  | TurnStart
  | Transcript
  | TurnEagerEnd
  | TurnResume
  | TurnEnd
  | ReplyStart
  | ReplyText
  | ToolCall
  | AudioStart
  | Words
  | Visemes
  | AudioEnd
  | Clear
  | ReplyEnd
  | Latency
  | Flushed
  | Pong
  | ServerWarning
  | ServerError
  | Unknown;

/** Whether a value is what the wire may hold, and what stands for one that is missing. */
interface Field {
  allows(value: unknown): boolean;
  /** Undefined where the field must be there. */
  default?: unknown;
}

const isText = (value: unknown) => typeof value === "string";
const isWhole = (value: unknown) => Number.isInteger(value);
const isNumber = (value: unknown) => typeof value === "number";
const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
const isTimed = (name: string) => (value: unknown) =>
  isObject(value) && isText((value as Word & Viseme)[name as "text"]) && isSpan(value as Word);
const isSpan = (value: Word) => isWhole(value.start_ms) && isWhole(value.end_ms);
const isListOf = (isItem: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(isItem);
const orNull = (allows: Field["allows"]) => (value: unknown) => value === null || allows(value);

const TEXT: Field = { allows: isText };
const TEXT_OR_NONE: Field = { allows: isText, default: "" };
const WHOLE: Field = { allows: isWhole };
const WHOLE_OR_0: Field = { allows: isWhole, default: 0 };
const CONFIDENCE: Field = { allows: isNumber, default: 1 };
const OBJECT: Field = { allows: isObject };
const OBJECT_OR_NONE: Field = { allows: isObject, default: {} };
const WORDS: Field = { allows: isListOf(isTimed("text")) };
const ID: Field = { allows: orNull((value) => isText(value) || isWhole(value)), default: null };
const WHOLE_OR_NULL: Field = { allows: orNull(isWhole), default: null };
const TEXT_OR_NULL: Field = { allows: orNull(isText), default: null };

const FIELDS: Record<Exclude<ServerEvent["type"], "unknown">, Record<string, Field>> = {
  ready: {
    protocol: TEXT,
    conversation: TEXT,
    connection: TEXT_OR_NONE,
    resume: TEXT_OR_NONE,
    settings: OBJECT_OR_NONE,
    engines: OBJECT_OR_NONE,
    lead_ms: { allows: isWhole, default: 2000 },
    received_ms: WHOLE_OR_0,
    received_messages: WHOLE_OR_NULL,
    limits: OBJECT_OR_NONE,
  },
  configured: { settings: OBJECT, id: ID },
  "turn.start": { turn: WHOLE, at_ms: WHOLE_OR_0 },
  transcript: { turn: WHOLE, text: TEXT, stable: WHOLE_OR_0, words: { ...WORDS, default: [] } },
  "turn.eager_end": { turn: WHOLE, text: TEXT_OR_NONE, confidence: CONFIDENCE, at_ms: WHOLE_OR_0 },
  "turn.resume": { turn: WHOLE, at_ms: WHOLE_OR_0 },
  "turn.end": {
    turn: WHOLE,
    text: TEXT,
    start_ms: WHOLE_OR_0,
    end_ms: WHOLE_OR_0,
    confidence: CONFIDENCE,
    language: TEXT_OR_NONE,
    cause: TEXT_OR_NONE,
    words: { ...WORDS, default: [] },
  },
  "reply.start": { reply: WHOLE, turn: WHOLE_OR_NULL },
  "reply.text": { reply: WHOLE, delta: TEXT },
  tool_call: { id: TEXT, name: TEXT, reply: WHOLE_OR_0, connection: TEXT_OR_NULL, arguments: OBJECT_OR_NONE },
  "audio.start": {
    reply: WHOLE,
    encoding: { allows: isText, default: "linear16" },
    sample_rate: { allows: isWhole, default: 24000 },
    channels: { allows: isWhole, default: 1 },
    start_ms: WHOLE_OR_0,
  },
  words: { reply: WHOLE, items: WORDS },
  visemes: { reply: WHOLE, items: { allows: isListOf(isTimed("viseme")) } },
  "audio.end": { reply: WHOLE, duration_ms: WHOLE_OR_0 },
  clear: { reply: WHOLE },
  "reply.end": { reply: WHOLE, text: TEXT_OR_NONE, heard: TEXT_OR_NONE, cause: TEXT_OR_NONE },
  latency: {
    turn: WHOLE_OR_NULL,
    reply: WHOLE,
    endpoint_ms: WHOLE_OR_0,
    stt_ms: WHOLE_OR_0,
    llm_first_ms: WHOLE_OR_0,
    tts_first_ms: WHOLE_OR_0,
    total_ms: WHOLE_OR_0,
  },
  flushed: { id: ID },
  pong: { id: ID },
  warning: { code: TEXT, message: TEXT_OR_NONE },
  error: {
    code: TEXT,
    message: TEXT_OR_NONE,
    fatal: { allows: (value) => typeof value === "boolean", default: false },
    retry_after_ms: WHOLE_OR_NULL,
    id: ID,
  },
};

/**
 * Read one text message of the server.
 *
 * @throws {VoiceError} `protocol`: not a JSON object with a `type`, or a field is missing or of another type.
 */
export function parseEvent(message: string): ServerEvent {
  const event = parseObject(message);
  const { type } = event;
  check(event, "seq", WHOLE_OR_0);
  if (!Object.hasOwn(FIELDS, type)) return { type: "unknown", seq: event.seq as number, raw: event };
  for (const [name, field] of Object.entries(FIELDS[type as keyof typeof FIELDS])) check(event, name, field);
  return event as unknown as ServerEvent;
}

/** Check a field, and fill it in where it is missing. */
function check(event: Record<string, unknown>, name: string, field: Field): void {
  const value = event[name] === undefined ? field.default : event[name];
  if (value === undefined || !field.allows(value)) {
    throw new VoiceError("protocol", `${event.type}.${name}: missing or of another type`);
  }
  event[name] = value;
}

function parseObject(message: string): Record<string, unknown> & { type: string } {
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch (cause) {
    throw new VoiceError("protocol", "a text message of the server is not JSON", { cause });
  }
  if (!isObject(value) || !isText((value as { type?: unknown }).type)) {
    throw new VoiceError("protocol", "a text message of the server is not an object with a type");
  }
  return value as Record<string, unknown> & { type: string };
}

/** Cut a transcript's text into what will not change and what may. */
export function stableParts(transcript: Transcript): [stable: string, tentative: string] {
  const characters = Array.from(transcript.text); // `stable` counts whole characters, JavaScript halves of some
  return [characters.slice(0, transcript.stable).join(""), characters.slice(transcript.stable).join("")];
}
