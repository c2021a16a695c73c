/** What to tell a person about something that went wrong, and what button to offer. Pure. */

/** What a notice is about; a newer one about the same takes its place, and it goes when that is well again. */
export type Subject = "connection" | "microphone" | "sound" | "answer" | "sharing";

/** What its button does. */
export type Remedy = "connect" | "now" | "join" | "key" | "microphone" | "sound" | "anew" | "defaults" | "reload";

export interface Advice {
  subject: Subject;
  /** `wait`: it gets well by itself. */
  tone: "wait" | "trouble";
  text: string;
  remedy: Remedy | null;
  /** When it is tried again by itself; null where that is not known. */
  retryAfterMs: number | null;
}

/** What went wrong. */
export interface Problem {
  code: string;
  /** A sentence, for codes that are not known here. */
  message: string;
  /** What the server or the browser said. */
  detail: string;
  retryAfterMs: number | null;
  /** `trying`: the client tries again by itself; `over`: it has given up. */
  connection: "connected" | "trying" | "over";
}

/** What goes wrong beside the connection, which stands. */
export function aside(code: string, message = ""): Problem {
  return { code, message, detail: message, retryAfterMs: null, connection: "connected" };
}

/** How things are on this page. */
export interface Circumstances {
  /** Whether the key that was shown is a short-lived token; null where none was. */
  keyIsToken: boolean | null;
  /** Whether anything was chosen that the server would choose by itself. */
  hasChosen: boolean;
}

const INSECURE =
  "This page came over plain http, and browsers give such a page neither microphone nor sound. Start the server with " +
  "voicesrv serve --tls self-signed and open the https:// address that it prints. Typing works here all the same.";

/** Say what to do; null where there is nothing that a person needs to know. */
export function advise(problem: Problem, { keyIsToken, hasChosen }: Circumstances): Advice | null {
  const { code, message, retryAfterMs } = problem;
  const detail = problem.detail.replace(/\.$/, "");
  const isTrying = problem.connection === "trying";
  const trouble = (subject: Subject, text: string, remedy: Remedy | null = null): Advice => ({
    subject,
    tone: "trouble",
    text,
    remedy,
    retryAfterMs: null,
  });
  const wait = (text: string, remedy: Remedy | null = null): Advice => ({
    subject: "connection",
    tone: "wait",
    text,
    remedy,
    retryAfterMs,
  });
  switch (code) {
    case "insecure_context":
      return trouble("microphone", INSECURE);
    case "microphone_denied":
    case "microphone_withheld":
    case "microphone_missing":
    case "microphone_busy":
    case "microphone_lost":
      return trouble("microphone", message, "microphone");
    case "blocked":
      return {
        ...wait("The browser keeps this page silent until something is pressed on it."),
        subject: "sound",
        remedy: "sound",
      };
    case "too_slow":
      return { ...wait("The network is too slow for sound; captions go on."), subject: "sound" };
    case "speaker_unavailable":
      return trouble("sound", message);
    case "audio":
      return trouble("sound", message, "sound");
    case "unauthorized":
      return trouble("connection", keySentence(keyIsToken), "key");
    case "forbidden":
      return trouble("connection", "This key may not hold conversations here. Ask for one that may.", "key");
    case "protocol":
      return trouble("connection", message, "reload");
    case "superseded":
      return trouble(
        "connection",
        "This conversation went on in another window. You can begin a new one here.",
        "anew",
      );
    case "state_lost":
      return null; // the conversation says so where it breaks off
    case "unreachable":
      return isTrying
        ? wait("The server is away. The conversation goes on by itself as soon as it is back.", "now")
        : trouble(
            "connection",
            "The server does not answer. Check that it is running and that you are online.",
            "connect",
          );
    case "shutting_down":
      if (problem.connection === "over") return trouble("connection", message, "connect");
      return wait("The server stops or starts anew. The conversation goes on by itself as soon as it is back.");
    case "overloaded":
      if (problem.connection === "connected") return trouble("answer", `The server cannot do that now: ${detail}.`);
      return {
        ...wait(`The server cannot take a conversation now: ${detail}.`),
        remedy: hasChosen ? "defaults" : isTrying ? null : "connect",
      };
    case "bad_parameter":
    case "not_found":
      if (problem.connection === "connected") return trouble("answer", `The server refuses that: ${detail}.`);
      return trouble("connection", `The server refuses: ${detail}.`, hasChosen ? "defaults" : "anew");
    default:
      if (problem.connection === "connected") return trouble("answer", message);
      return isTrying ? wait(message) : trouble("connection", message, "connect");
  }
}

/** What whoever comes by somebody else's link is to know, before and for as long as they are in that conversation. */
export function sharingAdvice(hasJoined: boolean): Advice {
  const text = hasJoined
    ? "You have joined a conversation. Others in it see and hear what is said here."
    : "This link joins a conversation. Others in it see and hear what is said here.";
  return { subject: "sharing", tone: "wait", text, remedy: hasJoined ? "anew" : "join", retryAfterMs: null };
}

function keySentence(keyIsToken: boolean | null): string {
  if (keyIsToken === null) return "This server asks for a key. Whoever runs it can give you one.";
  if (keyIsToken) return "This token has ended or was used: each serves once. Enter a new one, or a key.";
  return "The server did not accept the key. Enter it again, or ask for a new one.";
}
