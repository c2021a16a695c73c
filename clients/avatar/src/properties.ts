/** The properties of `<voice-avatar>` that are no attributes: what it is to ask a server and a browser for. */

import type { MicrophoneOptions, Session, Settings, VoiceClientOptions } from "@voicesrv/web";
import { AttributedElement } from "./attributes.js";
import type { Wishes } from "./options.js";

/** Null and undefined, which frameworks set for what is left out, stand for what it is at first. */
export abstract class WishingElement extends AttributedElement {
  #token: VoiceClientOptions["token"];
  #settings: Settings = {};
  #microphoneOptions: MicrophoneOptions = {};
  #workletUrl: VoiceClientOptions["workletUrl"];
  #session: Session | null = null;

  /** A key, or what gives a short-lived token for each connection. Only a text shows in the attribute. */
  get token(): VoiceClientOptions["token"] {
    return this.#token ?? this.getAttribute("token") ?? undefined;
  }

  set token(token: VoiceClientOptions["token"] | null) {
    this.#token = token ?? undefined;
    this.wishesChanged();
  }

  /** Settings beyond the attributes: `instructions`, `tools`, `llm` and so on. Set anew, they are applied. */
  get settings(): Settings {
    return this.#settings;
  }

  set settings(settings: Settings | null | undefined) {
    this.#settings = settings ?? {};
    this.wishesChanged();
  }

  /** How to open the microphone: which one, and what the browser does to its sound. Set anew, it is opened so. */
  get microphoneOptions(): MicrophoneOptions {
    return this.#microphoneOptions;
  }

  set microphoneOptions(options: MicrophoneOptions | null | undefined) {
    this.#microphoneOptions = options ?? {};
    this.microphoneWished();
  }

  /** Where the audio worklets are served; only for bundlers that do not find them. */
  get workletUrl(): VoiceClientOptions["workletUrl"] {
    return this.#workletUrl;
  }

  set workletUrl(url: VoiceClientOptions["workletUrl"] | null) {
    this.#workletUrl = url ?? undefined;
  }

  /** What a page that is loaded anew needs to go on with this conversation; see `Session` of `@voicesrv/web`. */
  get session(): Session | null {
    return this.#session;
  }

  /** To be set before the start. */
  set session(session: Session | null | undefined) {
    this.#session = session ?? null;
  }

  /** All that a client is made of. */
  protected get wishes(): Wishes {
    const { src, token, agent, voice, language, volume, pushToTalk, settings, workletUrl, session } = this;
    return { src, token, agent, voice, language, volume, pushToTalk, settings, workletUrl, session };
  }

  /** The microphone is wished so from here on. */
  protected abstract microphoneWished(): void;

  /** Something else is wished than before. */
  protected abstract wishesChanged(): void;
}

/**
 * Take up the properties that were set on an element before it was defined, which hide the accessors of its class.
 * For the end of the constructor.
 */
export function takeUpEarlyProperties(element: HTMLElement): void {
  for (const name of Object.getOwnPropertyNames(element)) {
    if (!(name in Object.getPrototypeOf(element))) continue;
    const value: unknown = Reflect.get(element, name);
    Reflect.deleteProperty(element, name);
    Reflect.set(element, name, value);
  }
}
