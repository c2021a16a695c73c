/** What a conversation is to be like. */

/** A function that the model may ask for. */
export interface Tool {
  /** 1–64 letters, digits, _ or -. */
  name: string;
  description?: string;
  /** JSON schema of type object. */
  parameters?: Record<string, unknown>;
}

/**
 * What a conversation is to be like, under the names of `docs/protocol.md`; what is left out is the server's choice.
 * The audio's format is not among it: it is 16 kHz up and 24 kHz down.
 */
export interface Settings {
  mode?: "converse" | "listen" | "speak" | undefined;
  agent?: string | undefined;
  /** BCP-47 tag, or `auto`. */
  language?: string | undefined;
  /** Names and terms that may be said, for recognisers that take them: at most 100 of 64 characters, and no comma. */
  keyterms?: string[] | undefined;
  stt?: string | undefined;
  llm?: string | undefined;
  tts?: string | undefined;
  voice?: string | undefined;
  /** Send `transcript` events before the turn ends. */
  interim?: boolean | undefined;
  /** Silence that ends a turn; 0 leaves it to `finalize`. */
  endpointing_ms?: number | undefined;
  /** Silence that ends a turn whose words are plainly unfinished; one wait for all where only `endpointing_ms` is given. */
  endpointing_max_ms?: number | undefined;
  /** Silence after which a reply is prepared; 0 never. */
  eager_ms?: number | undefined;
  /** Whether speech stops the reply. */
  interrupt?: boolean | undefined;
  words?: boolean | undefined;
  visemes?: boolean | undefined;
  /** Added to the agent's own. */
  instructions?: string | undefined;
  tools?: Tool[] | undefined;
}

/** Settings that are to be others; null brings back what the server chooses. */
export type Changes = { [Name in keyof Settings]: Settings[Name] | null };
