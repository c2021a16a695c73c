/** What a person can choose here, from what the server has. Pure. */

import type { Changes, Settings } from "@voicesrv/web";
import type { Choice, ChoiceGroup } from "../shared/dom.js";
import { isLanguageTag } from "../shared/locale.js";
import type { Engines, Info } from "../shared/server.js";

/** What was chosen; empty where the server may choose. */
export interface Preferences {
  agent: string;
  language: string;
  voice: string;
  stt: string;
  llm: string;
  tts: string;
  microphone: string;
  speaker: string;
  pushToTalk: boolean;
  /** Whether the dial is a face. */
  face: boolean;
}

export const NO_PREFERENCES: Preferences = {
  agent: "",
  language: "",
  voice: "",
  stt: "",
  llm: "",
  tts: "",
  microphone: "",
  speaker: "",
  pushToTalk: false,
  face: false,
};

/** The choices that are the server's to know. */
export const SERVER_CHOICES = ["agent", "language", "voice", "stt", "llm", "tts"] as const;
export type ServerChoice = (typeof SERVER_CHOICES)[number];

/** Read what was kept, whatever it is. */
export function readPreferences(kept: unknown): Preferences {
  const found = { ...NO_PREFERENCES };
  if (typeof kept !== "object" || kept === null) return found;
  for (const [name, fallback] of Object.entries(NO_PREFERENCES)) {
    const value = (kept as Record<string, unknown>)[name];
    if (typeof value === typeof fallback) Object.assign(found, { [name]: value });
  }
  return found;
}

/** Let go of what this server does not have: it would refuse the conversation. */
export function possible(
  preferences: Preferences,
  info: Info,
  engines: Engines | null,
  own: readonly string[],
): Preferences {
  const groups = serverChoices(preferences, info, engines, own);
  const kept = { ...preferences };
  for (const name of SERVER_CHOICES) {
    const has = groups[name].some(({ choices }) => choices.some(({ value }) => value === preferences[name]));
    if (!has) kept[name] = "";
  }
  return kept;
}

/** What a conversation is to begin with. */
export function settingsOf(preferences: Preferences): Settings {
  const chosen = SERVER_CHOICES.filter((name) => preferences[name] !== "");
  return {
    words: true,
    visemes: preferences.face,
    ...Object.fromEntries(chosen.map((name) => [name, preferences[name]])),
  };
}

/** What one choice changes: voices are an engine's own, so another engine has its own voice. */
export function choiceOf(name: ServerChoice, value: string): Partial<Record<ServerChoice, string>> {
  return name === "tts" ? { tts: value, voice: "" } : { [name]: value };
}

/** Choices of which the server did none: it goes on with what is in force, which may be its own choice. */
export function choicesAsBefore(
  refused: object,
  inForce: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>>,
): Partial<Record<ServerChoice, string>> {
  const names = SERVER_CHOICES.filter((name) => name in refused);
  const chosen = (name: ServerChoice) => (inForce[name] === defaults[name] ? "" : String(inForce[name] ?? ""));
  return Object.fromEntries(names.map((name) => [name, chosen(name)]));
}

/** What to tell a conversation that is under way; an empty choice is the server's own again. */
export function settingsFor(change: Partial<Record<ServerChoice, string>>): Changes {
  return Object.fromEntries(Object.entries(change).map(([name, value]) => [name, value || null]));
}

/**
 * List what can be chosen, the server's own choice first in each.
 *
 * @param own the languages of whoever looks at this page, for a recogniser that takes any.
 */
export function serverChoices(
  preferences: Preferences,
  info: Info,
  engines: Engines | null,
  own: readonly string[],
): Record<ServerChoice, ChoiceGroup[]> {
  const language = preferences.language || String(info.defaults.language ?? "");
  return {
    agent: [
      {
        label: "",
        choices: info.agents.map(({ name }) => ({ value: name === info.defaults.agent ? "" : name, label: name })),
      },
    ],
    language: [{ label: "", choices: languages(info, own) }],
    voice: voices(preferences.tts === "" ? info : { ...info, voices: [] }, language),
    stt: [{ label: "", choices: engineChoices(info, engines, "stt") }],
    llm: [{ label: "", choices: engineChoices(info, engines, "llm") }],
    tts: [{ label: "", choices: engineChoices(info, engines, "tts") }],
  };
}

function languages(info: Info, own: readonly string[]): Choice[] {
  const fallback = String(info.defaults.language ?? "");
  const asTheirs = info.languages.includes("*") ? own.filter(isLanguageTag) : [];
  const known = [...new Set([...info.languages.filter((tag) => tag !== "*"), ...asTheirs])];
  const others = known.filter((tag) => tag !== fallback && tag !== "auto");
  return [
    { value: "", label: fallback === "auto" ? "As it is spoken" : languageName(fallback) },
    ...(info.detects_language && fallback !== "auto" ? [{ value: "auto", label: "As it is spoken" }] : []),
    ...others.map((tag) => ({ value: tag, label: languageName(tag) })).sort(byLabel),
  ];
}

/** Voices, those that speak the language first. */
function voices(info: Info, language: string): ChoiceGroup[] {
  const server: ChoiceGroup = { label: "", choices: [{ value: "", label: "As the server chooses" }] };
  const fits = (tag: string | null) => tag === null || primary(tag) === primary(language) || language === "auto";
  const of = (fitting: boolean) =>
    info.voices
      .filter((voice) => fits(voice.language) === fitting)
      .map(({ name, language: spoken }) => ({ value: name, label: voiceName(name, spoken) }))
      .sort(byLabel);
  const groups = [
    { label: languageName(language), choices: of(true) },
    { label: "Other languages", choices: of(false) },
  ];
  return [server, ...groups.filter(({ choices }) => choices.length > 0)];
}

function engineChoices(info: Info, engines: Engines | null, kind: "stt" | "llm" | "tts"): Choice[] {
  const chosen = info.engines[kind] ?? "none";
  const others = (engines?.[kind] ?? [])
    .filter(({ name }) => name !== chosen)
    .map(({ name }) => ({ value: name, label: name }));
  return [{ value: "", label: chosen }, ...others];
}

function voiceName(name: string, language: string | null): string {
  if (language === null) return name;
  const spoken = languageName(language);
  if (name !== language) return `${name} (${spoken})`;
  return spoken === name ? name : `${spoken} (${name})`;
}

/** What people call a language; the tag itself where it has no name. */
export function languageName(tag: string): string {
  if (tag === "auto") return "Any language";
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag; // not every tag that engines use has a name
  }
}

const primary = (tag: string): string => tag.toLowerCase().split("-", 1)[0] ?? "";
const byLabel = (a: Choice, b: Choice): number => a.label.localeCompare(b.label);
