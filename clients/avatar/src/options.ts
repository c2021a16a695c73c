/** What the element's attributes and properties ask of a `VoiceClient`. Pure. */

import type { Session, Settings, VoiceClientOptions } from "@voicesrv/web";

/** What the element is asked for; what is null or undefined is left to the server. */
export interface Wishes {
  src: string | null;
  token: VoiceClientOptions["token"];
  agent: string | null;
  voice: string | null;
  language: string | null;
  volume: number;
  pushToTalk: boolean;
  settings: Settings;
  session: Session | null;
  workletUrl: VoiceClientOptions["workletUrl"];
}

/** Settings that attributes name, over those of the property. Words and mouth shapes are what a face needs. */
export function settingsOf({ agent, voice, language, settings }: Wishes): Settings {
  const wished = {
    words: true,
    visemes: true,
    ...settings,
    ...(agent ? { agent } : {}),
    ...(voice ? { voice } : {}),
    ...(language ? { language } : {}),
  };
  return Object.fromEntries(Object.entries(wished).filter(([, value]) => value !== undefined));
}

/** Options of a new client. */
export function clientOptions(wishes: Wishes): VoiceClientOptions {
  const { src, token, session, workletUrl, pushToTalk, volume } = wishes;
  return {
    settings: settingsOf(wishes),
    pushToTalk,
    volume,
    session,
    ...(src ? { url: src } : {}),
    ...(token ? { token } : {}),
    ...(workletUrl ? { workletUrl } : {}),
  };
}
