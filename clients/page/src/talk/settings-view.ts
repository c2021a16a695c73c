/** The sheet of choices: who answers and how, and through which devices. */

import { microphones } from "@voicesrv/web";
import { byId, type Choice, fillSelect } from "../shared/dom.js";
import type { Engines, Info } from "../shared/server.js";
import { type Preferences, SERVER_CHOICES, type ServerChoice, serverChoices } from "./choices.js";

/** What a person changed. */
export interface SettingsActions {
  choose(name: ServerChoice, value: string): void;
  useMicrophone(deviceId: string): void;
  useSpeaker(deviceId: string): void;
  setPushToTalk(on: boolean): void;
  setFace(on: boolean): void;
  /** The sheet was opened: what it shows may be old. */
  opened(): void;
}

export class SettingsView {
  readonly #dialog = byId<HTMLDialogElement>("settings");
  readonly #selects = Object.fromEntries(SERVER_CHOICES.map((name) => [name, byId<HTMLSelectElement>(name)])) as Record<
    ServerChoice,
    HTMLSelectElement
  >;
  readonly #microphone = byId<HTMLSelectElement>("microphone");
  readonly #speaker = byId<HTMLSelectElement>("speaker");
  readonly #pushToTalk = byId<HTMLInputElement>("push-to-talk");
  readonly #face = byId<HTMLInputElement>("face");

  constructor(actions: SettingsActions) {
    byId("open-settings").onclick = () => {
      actions.opened();
      this.#dialog.showModal();
    };
    // A click beside the sheet is on the dialog itself.
    this.#dialog.onclick = ({ target }) => {
      if (target === this.#dialog) this.#dialog.close();
    };
    for (const name of SERVER_CHOICES) {
      const select = this.#selects[name];
      select.onchange = () => actions.choose(name, select.value);
    }
    this.#microphone.onchange = () => actions.useMicrophone(this.#microphone.value);
    this.#speaker.onchange = () => actions.useSpeaker(this.#speaker.value);
    this.#pushToTalk.onchange = () => actions.setPushToTalk(this.#pushToTalk.checked);
    this.#face.onchange = () => actions.setFace(this.#face.checked);
  }

  /** Show what there is to choose; what leaves no choice is hidden. */
  show(preferences: Preferences, info: Info | null, engines: Engines | null): void {
    this.#pushToTalk.checked = preferences.pushToTalk;
    this.#face.checked = preferences.face;
    const groups = info && serverChoices(preferences, info, engines, navigator.languages);
    for (const name of SERVER_CHOICES) {
      const of = groups?.[name] ?? [];
      fillSelect(this.#selects[name], of, preferences[name]);
      const n = of.reduce((sum, { choices }) => sum + choices.length, 0);
      offer(this.#selects[name], n > 1 || (n === 1 && name === "agent"));
    }
    byId("version").textContent = info === null ? "" : `voicesrv ${info.version}`;
  }

  /** Show the devices; their names are known once the microphone was allowed. */
  async showDevices({ microphone, speaker }: Preferences): Promise<void> {
    const heard = await microphones().catch(() => []); // none where the page is not secure
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const spoken = "setSinkId" in AudioContext.prototype ? all.filter(({ kind }) => kind === "audiooutput") : [];
    fillDevices(this.#microphone, heard, microphone);
    fillDevices(this.#speaker, spoken, speaker);
  }
}

function fillDevices(select: HTMLSelectElement, devices: readonly MediaDeviceInfo[], chosen: string): void {
  const named = devices.filter(({ deviceId, label }) => label !== "" && deviceId !== "" && deviceId !== "default");
  const choices: Choice[] = named.map(({ deviceId, label }) => ({ value: deviceId, label }));
  fillSelect(select, [{ label: "", choices: [{ value: "", label: "As the browser chooses" }, ...choices] }], chosen);
  offer(select, devices.length > 0);
}

function offer(select: HTMLSelectElement, isOffered: boolean): void {
  const label = select.closest("label");
  if (label !== null) label.hidden = !isOffered;
  const fieldset = select.closest("fieldset");
  if (fieldset !== null) fieldset.hidden = [...fieldset.querySelectorAll("label")].every(({ hidden }) => hidden);
}
