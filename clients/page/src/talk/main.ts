/** The page to talk on: puts its parts together. */

import { byId } from "../shared/dom.js";
import { KeyDialog } from "../shared/key-dialog.js";
import { forgetKey, storedKey } from "../shared/keys.js";
import { type Engines, type Info, Server, type ServerError } from "../shared/server.js";
import { lasting, ofTab } from "../shared/storage.js";
import { advise, type Problem, type Remedy, sharingAdvice } from "./advice.js";
import {
  choiceOf,
  type Preferences,
  possible,
  readPreferences,
  SERVER_CHOICES,
  type ServerChoice,
  settingsFor,
} from "./choices.js";
import { DialView } from "./dial-view.js";
import { LogView } from "./log-view.js";
import { Loudness } from "./loudness.js";
import { NoticesView } from "./notices-view.js";
import { Outbox } from "./outbox.js";
import { forget, save, takeSaved } from "./saved.js";
import { SettingsView } from "./settings-view.js";
import { SpokenWords } from "./spoken.js";
import { Talk } from "./talk.js";

const PREFERENCES = "voicesrv.preferences";
const STATES = {
  idle: "Not connected",
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Reconnecting…",
};

const REFUSALS = ["overloaded", "bad_parameter", "not_found"];
/* What the server answers to a choice that it cannot carry out. */

const root = new URL("./", document.baseURI);
const server = new Server(root, storedKey);
const awaited: Partial<Record<ServerChoice, string>>[] = []; // what was before each choice that it has not answered yet
let info: Info | null = null;
let engines: Engines | null = null;
let explained: boolean | null = null; // what was said of sharing: as one who joined, or as one who may
let preferences: Preferences = readPreferences(parsed(lasting.get(PREFERENCES)));

// --- what is shown ------------------------------------------------------------------------------

const log = new LogView(byId("log"), byId("items"));
const notices = new NoticesView(byId("notices"), remedy);
const spoken = new SpokenWords(() => {
  const { client, conversation } = talk;
  const reply = conversation.reply(client.playing);
  return reply ? { reply, text: log.textOf(reply), playedMs: client.playedMs(reply.number) ?? 0 } : null;
});
const dial = new DialView({
  toggle: () => void talk.toggleMicrophone(),
  press: () => void talk.press(),
  release: () => void talk.release(),
});
const settings = new SettingsView({
  choose,
  useMicrophone: (deviceId) => {
    remember({ microphone: deviceId });
    if (talk.client.microphone.state !== "off") void talk.startMicrophone();
  },
  useSpeaker: (deviceId) => {
    remember({ speaker: deviceId });
    void useSpeaker();
  },
  setPushToTalk: (on) => {
    remember({ pushToTalk: on });
    talk.client.setPushToTalk(on);
    moved();
  },
  opened: () => {
    settings.show(preferences, info, engines);
    void settings.showDevices(preferences);
    void learn();
  },
});
const keys = new KeyDialog(root, () => {
  notices.settle("connection");
  void (isInvited() ? learn() : learnAndConnect());
});

let joining = new URLSearchParams(location.search).get("conversation") ?? undefined;
const talk = new Talk(
  server,
  () => preferences,
  {
    changed: (changes) => log.show(changes),
    moved,
    level: (rms) => loudness.microphone(rms),
    failed,
    well: (subject) => {
      notices.settle(subject);
      if (subject === "connection") explainSharing();
    },
    configured: () => {
      if (awaited.shift() !== undefined) notices.settle("answer");
    },
    settled: (speaker, text) => {
      byId("announcer").textContent = `${speaker}: ${text}`;
    },
  },
  joining,
);
const loudness = new Loudness((level) => {
  dial.level = level;
});

function moved(): void {
  const { client } = talk;
  const { state, phase, playing, microphone, muted, pushToTalk } = client;
  dial.show({ phase, microphone: microphone.state, muted, pushToTalk, held: talk.held, sounding: playing !== 0 });
  if (microphone.state !== "on" || muted) loudness.microphone(0);
  loudness.output = playing === 0 ? null : client.output;
  if (playing !== 0) spoken.follow();
  byId("connection").dataset.state = state;
  byId("connection-text").textContent = STATES[state];
  byId<HTMLButtonElement>("share").disabled = client.conversation === "";
  byId<HTMLButtonElement>("anew").disabled = client.conversation === "" && talk.conversation.items.length === 0;
}

// --- what goes wrong ----------------------------------------------------------------------------

function failed(problem: Problem): void {
  const key = storedKey();
  const keyIsToken = key === undefined ? null : Server.isToken(key);
  const hasChosen = SERVER_CHOICES.some((name) => preferences[name] !== "");
  const advice = advise(problem, { keyIsToken, hasChosen });
  if (problem.connection === "connected" && REFUSALS.includes(problem.code)) takeBack();
  if (advice === null) return;
  notices.show(advice);
  if (problem.code !== "unauthorized") return;
  if (keyIsToken) forgetKey(); // it serves once
  keys.open(key === undefined ? "" : advice.text);
}

function remedy(remedy: Remedy): void {
  const does: Record<Remedy, () => unknown> = {
    connect: learnAndConnect,
    join: learnAndConnect,
    key: () => keys.open(),
    microphone: () => talk.startMicrophone(),
    sound: () => talk.startSpeaker(),
    anew,
    defaults: () => {
      remember(Object.fromEntries(SERVER_CHOICES.map((name) => [name, ""])));
      return anew().then(() => talk.connect());
    },
    reload: () => location.reload(),
  };
  void does[remedy]();
}

// --- what a person does -------------------------------------------------------------------------

function anew(): Promise<void> {
  for (const subject of ["connection", "answer", "sharing"] as const) notices.settle(subject);
  awaited.length = 0;
  if (joining !== undefined) history.replaceState(null, "", location.pathname);
  joining = undefined;
  forget(ofTab);
  return talk.anew();
}

function choose(name: ServerChoice, value: string): void {
  const change = choiceOf(name, value);
  const before = Object.fromEntries(Object.keys(change).map((each) => [each, preferences[each as ServerChoice]]));
  if (talk.client.state === "connected") awaited.push(before);
  remember(change);
  if (info !== null) talk.client.configure(settingsFor(change, info));
  settings.show(preferences, info, engines);
}

/** The server cannot carry the choice out: it is as before, also for the conversations to come. */
function takeBack(): void {
  const before = awaited.shift();
  if (before === undefined) return;
  remember(before);
  if (info !== null) talk.client.configure(settingsFor(before, info));
  settings.show(preferences, info, engines);
}

function remember(change: Partial<Preferences>): void {
  preferences = { ...preferences, ...change };
  lasting.set(PREFERENCES, JSON.stringify(preferences));
}

async function useSpeaker(): Promise<void> {
  // A device that is gone leaves the sound where it is.
  await talk.client.useSpeaker(preferences.speaker).catch(() => undefined);
}

const text = byId<HTMLTextAreaElement>("text");
const outbox = new Outbox();
const entry = byId<HTMLFormElement>("entry");
entry.onsubmit = async (event) => {
  event.preventDefault();
  const typed = text.value.trim();
  if (typed === "") return;
  text.value = "";
  const unsent = await outbox.send(typed, (each) => talk.type(each));
  if (unsent.length > 0) text.value = [...unsent, text.value].filter((each) => each !== "").join("\n");
};
text.onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  entry.requestSubmit();
};

byId("mute").onclick = () => talk.client.mute(!talk.client.muted);
byId("hush").onclick = () => talk.client.cancel();
byId("anew").onclick = () => void anew();
byId("share").onclick = () => {
  const link = new URL(`?conversation=${encodeURIComponent(talk.client.conversation)}`, root);
  byId<HTMLInputElement>("sharing-link").value = link.href;
  byId("copy").hidden = navigator.clipboard === undefined; // not there where the page is not secure
  byId<HTMLDialogElement>("sharing").showModal();
};
byId("copy").onclick = async ({ currentTarget }) => {
  await navigator.clipboard.writeText(byId<HTMLInputElement>("sharing-link").value);
  (currentTarget as HTMLElement).textContent = "Copied";
};

// --- begin, and begin again ---------------------------------------------------------------------

/** Ask the server what it has; whether there is more to do here. */
async function learn(): Promise<boolean> {
  if (Server.isToken(storedKey() ?? "")) return true; // it serves once, and the conversation is what it is for
  try {
    [info, engines] = await Promise.all([server.info(), server.engines()]);
  } catch (error) {
    const { code, message, retryAfterMs } = error as ServerError;
    failed({ code, message, detail: message, retryAfterMs, connection: "over" });
    return false;
  }
  preferences = possible(preferences, info, engines, navigator.languages);
  settings.show(preferences, info, engines);
  const { stt, llm, tts } = info.engines;
  byId("engines").textContent =
    `Heard by ${stt ?? "nobody"}, answered by ${llm ?? "nobody"}, spoken by ${tts ?? "nobody"}`;
  return true;
}

async function learnAndConnect(): Promise<boolean> {
  return (await learn()) && talk.connect();
}

function keep(): void {
  const { client, conversation } = talk;
  const { session } = client;
  if (session === null) forget(ofTab);
  else save(ofTab, { conversation, session, listening: client.microphone.state === "on" });
}

async function begin(): Promise<void> {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  const saved = takeSaved(ofTab, navigation?.type);
  const goesOn = saved !== null && (joining === undefined || joining === saved.conversation.id);
  if (goesOn) talk.resume(saved);
  moved();
  explainSharing();
  if (!window.isSecureContext) talk.explainInsecure();
  const goesAhead = await learn();
  if (!goesAhead || !goesOn) return;
  if ((await talk.connect()) && saved.listening && (await microphoneIsAllowed())) await talk.startMicrophone();
}

/** Whether somebody's link was opened, and nothing pressed yet: who only looks at it is in nobody's conversation. */
function isInvited(): boolean {
  return joining !== undefined && talk.conversation.id === "";
}

/** Say it once before and once after joining: it stays, and a reconnection is nothing new. */
function explainSharing(): void {
  const hasJoined = !isInvited();
  if (joining === undefined || hasJoined === explained) return;
  explained = hasJoined;
  notices.show(sharingAdvice(hasJoined));
}

async function microphoneIsAllowed(): Promise<boolean> {
  const name = "microphone" as PermissionName;
  const permission = await navigator.permissions?.query({ name }).catch(() => null);
  return permission?.state === "granted";
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

addEventListener("pagehide", keep);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") keep();
  else forget(ofTab); // a tab that is made from this one would take it along
});
navigator.mediaDevices?.addEventListener("devicechange", () => void settings.showDevices(preferences));
void begin();
