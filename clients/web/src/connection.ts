/** One WebSocket to the server, on which it has said `ready`. */

import { VoiceError } from "./errors.js";
import { parseEvent, type Ready, type ServerError } from "./events.js";
import type { After } from "./heartbeat.js";
import { SUBPROTOCOL } from "./protocol.js";

/** What is needed of a WebSocket. */
export interface Socket {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  send(message: string | Int16Array<ArrayBuffer>): void;
  close(): void;
}

/** Why a connection is over, or was none. */
export interface Closing {
  /** As of RFC 6455 and `docs/protocol.md`; 1006 where nobody said it. */
  code: number;
  error: VoiceError;
}

/** What a connection tells once it stands. */
export interface Listener {
  message(message: string | ArrayBuffer): void;
  closed(closing: Closing): void;
}

/** `WebSocket.OPEN`. */
const OPEN = 1;
/** A socket on which the server has said `ready`. */
export class Connection {
  readonly #socket: Socket;
  #failure: ServerError | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
  }

  /**
   * Wait for `ready` on a socket that is being opened.
   *
   * @param signal gives it up; it serves one at a time.
   * @param limitMs how long to wait.
   * @throws {Closing} it was refused, nothing answered, or what answered is another server.
   */
  static open(
    socket: Socket,
    listener: Listener,
    signal: AbortSignal,
    after: After,
    limitMs: number,
  ): Promise<[Connection, Ready]> {
    const connection = new Connection(socket);
    return new Promise((resolve, reject: (closing: Closing) => void) => {
      const fail = (closing: Closing): void => {
        callOff();
        signal.onabort = null;
        connection.abandon();
        reject(closing);
      };
      const callOff = after(limitMs, () => fail(lost("no answer in time")));
      signal.onabort = () => fail(givenUp());
      socket.onclose = ({ code, reason }) => fail(connection.#closing(code, reason, "unreachable"));
      socket.onmessage = ({ data }) => {
        try {
          const ready = connection.#first(data);
          if (ready === null) return;
          callOff();
          signal.onabort = null;
          connection.#listen(listener);
          resolve([connection, ready]);
        } catch (error) {
          fail({ code: 1002, error: error as VoiceError });
        }
      };
    });
  }

  /** Bytes that wait for the network. */
  get waiting(): number {
    return this.#socket.bufferedAmount;
  }

  /** Whether it takes messages; one that is closing swallows them, and complains in the browser's console. */
  get isOpen(): boolean {
    return this.#socket.readyState === OPEN;
  }

  send(message: string | Int16Array<ArrayBuffer>): void {
    this.#socket.send(message);
  }

  /** Close without a word to the listener. */
  abandon(): void {
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
  }

  /** Take the server's word on why it is about to close. */
  explain(failure: ServerError): void {
    this.#failure = failure;
  }

  #first(data: string | ArrayBuffer): Ready | null {
    const event = typeof data === "string" ? parseEvent(data) : null;
    if (event?.type === "error") {
      this.explain(event);
      return null;
    }
    if (event?.type !== "ready") throw new VoiceError("protocol", "the server did not begin with ready");
    if (event.protocol !== SUBPROTOCOL) {
      throw new VoiceError("protocol", `the server speaks ${event.protocol}, this page ${SUBPROTOCOL}`);
    }
    return event;
  }

  #listen(listener: Listener): void {
    this.#socket.onmessage = ({ data }) => listener.message(data);
    this.#socket.onclose = ({ code, reason }) => listener.closed(this.#closing(code, reason, "closed"));
  }

  #closing(code: number, reason: string, otherwise: "unreachable" | "closed"): Closing {
    // The reason repeats the code of the error that was sent before.
    const failure = this.#failure ?? { code: reason || otherwise, message: "", retry_after_ms: null };
    const detail = failure.message || `closed with ${code} ${reason}`.trimEnd();
    return { code, error: new VoiceError(failure.code, detail, { retryAfterMs: failure.retry_after_ms }) };
  }
}

/** Nobody wants it any more. */
export function givenUp(): Closing {
  return { code: 1000, error: new VoiceError("closed", "closed by the client") };
}

/** A connection that broke without a word. */
export function lost(detail: string): Closing {
  return { code: 1006, error: new VoiceError("unreachable", detail) };
}
