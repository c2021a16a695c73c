/** The page to talk on: puts its parts together. */

import { byId } from "../shared/dom.js";
import { KeyDialog } from "../shared/key-dialog.js";
import { forgetKey, storedKey } from "../shared/keys.js";
import { type Engines, type Info, Server, type ServerError } from "../shared/server.js";
import { lasting, ofTab } from "../shared/storage.js";
import { advise, type Problem, type Remedy, sharingAdvice } from "./advice.js";
import {
  choiceOf,
  choicesAsBefore,
  type Preferences,
  possible,
  readPreferences,
  SERVER_CHOICES,
  type ServerChoice,
  settingsFor,
} from "./choices.js";
import { DialView } from "./dial-view.js";
import { EntryView } from "./entry-view.js";
import { FaceView } from "./face-view.js";
import { LogView } from "./log-view.js";
import { Loudness } from "./loudness.js";
import { NoticesView } from "./notices-view.js";
import { forget, save, saveDraft, takeDraft, takeSaved } from "./saved.js";
import { SettingsView } from "./settings-view.js";
import { SharingView } from "./sharing-view.js";
import { SpokenWords } from "./spoken.js";
import { Talk } from "./talk.js";

const PREFERENCES = "voicesrv.preferences";
const STATES = {
  idle: "Not connected",
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Reconnecting…",
};

const root = new URL("./", document.baseURI);
const server = new Server(root, storedKey);
let info: Info | null = null;
let engines: Engines | null = null;
let isAway = false; // what was said last of the connection is that nobody answers
let explained: boolean | null = null; // what was said of sharing: as one who joined, or as one who may
let preferences: Preferences = readPreferences(parsed(lasting.get(PREFERENCES)));

// --- what is shown ------------------------------------------------------------------------------

const log = new LogView(byId("log"), byId("items"));
const notices = new NoticesView(byId("notices"), byId("dial"), remedy);
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
  useSpeaker: async (deviceId) => {
    if (await talk.chooseSpeaker(deviceId)) remember({ speaker: deviceId });
    else void settings.showDevices(preferences);
  },
  setPushToTalk: (on) => {
    remember({ pushToTalk: on });
    talk.client.setPushToTalk(on);
    moved();
  },
  setFace: (on) => {
    remember({ face: on });
    talk.client.configure({ visemes: on });
    moved();
  },
  opened: () => {
    showSettings();
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
    refused: (changes) => {
      remember(choicesAsBefore(changes, { ...talk.client.settings, ...talk.client.wanted }, info?.defaults ?? {}));
      showSettings();
    },
    announce: (text) => {
      byId("announcer").textContent = text;
    },
  },
  joining,
);
const face = new FaceView();
const loudness = new Loudness((level) => {
  dial.level = level;
});

function moved(): void {
  const { client } = talk;
  const { state, phase, playing, microphone, muted, pushToTalk } = client;
  const sounding = playing !== 0 && state !== "idle";
  dial.show({ connection: state, phase, microphone: microphone.state, muted, pushToTalk, held: talk.held, sounding });
  face.show(preferences.face ? client : null);
  if (microphone.state !== "on" || muted) loudness.microphone(0);
  loudness.output = playing === 0 ? null : client.output;
  if (playing !== 0) spoken.follow();
  byId("connection").dataset.state = state;
  byId("connection-text").textContent = STATES[state];
  byId<HTMLButtonElement>("share").disabled = client.conversation === "";
  byId<HTMLButtonElement>("anew").disabled = client.conversation === "" && talk.conversation.items.length === 0;
  if (document.visibilityState === "hidden") keep(); // a tab that is hidden may be ended without a word
}

// --- what goes wrong ----------------------------------------------------------------------------

function failed(problem: Problem): void {
  const key = storedKey();
  const keyIsToken = key === undefined ? null : Server.isToken(key);
  const hasChosen = SERVER_CHOICES.some((name) => preferences[name] !== "");
  const advice = advise(problem, { keyIsToken, hasChosen });
  if (advice === null) return;
  const isNews = notices.show(advice);
  if (advice.subject === "connection") isAway = problem.code === "unreachable";
  if (problem.code !== "unauthorized" || (problem.connection === "trying" && !isNews)) return;
  if (keyIsToken) forgetKey(); // it serves once
  keys.open(key === undefined ? "" : advice.text);
}

function remedy(remedy: Remedy): void {
  const does: Record<Remedy, () => unknown> = {
    connect: learnAndConnect,
    now: () => talk.client.connect(),
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
  if (joining !== undefined) history.replaceState(null, "", location.pathname);
  joining = undefined;
  forget(ofTab);
  return talk.anew();
}

function choose(name: ServerChoice, value: string): void {
  const change = choiceOf(name, value);
  remember(change);
  talk.client.configure(settingsFor(change));
  showSettings();
}

function showSettings(): void {
  settings.show(preferences, info, engines);
}

function remember(change: Partial<Preferences>): void {
  preferences = { ...preferences, ...change };
  lasting.set(PREFERENCES, JSON.stringify(preferences));
}

const entry = new EntryView(
  (text) => {
    log.toEnd();
    return talk.type(text);
  },
  () => talk.maxTextBytes,
  () => void talk.client.startSpeaker().catch(() => undefined), // some take seconds; a failure is told when it is needed
);

new SharingView(() => new URL(`?conversation=${encodeURIComponent(talk.client.conversation)}`, root));

byId("mute").onclick = () => talk.client.mute(!talk.client.muted);
byId("hush").onclick = () => talk.client.cancel();
byId("anew").onclick = () => {
  void anew();
  byId("dial").focus(); // the button is of no use now
};

// --- begin, and begin again ---------------------------------------------------------------------

/** Ask the server what it has; whether there is more to do here. */
async function learn(): Promise<boolean> {
  if (Server.isToken(storedKey() ?? "")) return true; // it serves once, and the conversation is what it is for
  try {
    [info, engines] = await Promise.all([server.info(), server.engines()]);
  } catch (error) {
    const { code, message, retryAfterMs } = error as ServerError;
    // A connection that there is, or is tried for, says itself how it is.
    const isAlone = talk.client.state === "idle";
    if (isAlone) failed({ code, message, detail: message, retryAfterMs, connection: "over" });
    return false;
  }
  if (isAway && talk.client.state === "idle") notices.settle("connection");
  preferences = possible(preferences, info, engines, navigator.languages);
  showSettings();
  const { stt, llm, tts } = info.engines;
  byId("engines").textContent =
    `Heard by ${stt ?? "nobody"}, answered by ${llm ?? "nobody"}, spoken by ${tts ?? "nobody"}`;
  return true;
}

async function learnAndConnect(): Promise<boolean> {
  return (await learn()) && talk.goOn();
}

function keep(): void {
  const { client, conversation } = talk;
  const { session } = client;
  saveDraft(ofTab, joining ?? session?.conversation ?? "", entry.draft);
  if (session === null) forget(ofTab);
  else save(ofTab, { conversation, session, listening: talk.listens });
}

async function begin(): Promise<void> {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  const saved = takeSaved(ofTab, navigation?.type);
  const draft = takeDraft(ofTab, joining ?? saved?.conversation.id ?? "", navigation?.type);
  if (draft !== "") entry.draft = draft; // whether to send it still is for who typed it to say
  const goesOn = saved !== null && (joining === undefined || joining === saved.conversation.id);
  if (goesOn) talk.resume(saved);
  moved();
  explainSharing();
  if (!window.isSecureContext) talk.explainInsecure();
  const goesAhead = await learn();
  if (!goesAhead || !goesOn) return;
  if (!(await microphoneIsAllowed())) talk.listens = false; // nobody has pressed anything: no question either
  await talk.goOn();
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
  else {
    forget(ofTab); // a tab that is made from this one would take it along
    saveDraft(ofTab, "", "");
  }
});
navigator.mediaDevices?.addEventListener("devicechange", () => void settings.showDevices(preferences));
void begin();
