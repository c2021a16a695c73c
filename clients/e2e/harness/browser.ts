/** Headless Chromium, with a recording for a microphone. */

import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";

/** Another one by the variable CHROMIUM. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const SPEECH = fileURLToPath(new URL("../../../tests/data/speech/", import.meta.url));

export interface BrowserOptions {
  /** A WAV file that is said over and over; silence is beeps of Chromium's own without one. */
  microphone?: string;
  /** False: the permission is refused, as by a person. */
  allowMicrophone?: boolean;
  /** False: there is no microphone at all. */
  hasMicrophone?: boolean;
  /** Further names of this machine, for a page that is neither https nor localhost. */
  hostnames?: string[];
  /** Whether sound may begin without a gesture; true by default. */
  autoplay?: boolean;
}

export function startBrowser(options: BrowserOptions = {}): Promise<Browser> {
  const { microphone, allowMicrophone = true, hasMicrophone = true, hostnames = [], autoplay = true } = options;
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox", // for root, in a container
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      allowMicrophone ? "--use-fake-ui-for-media-stream" : "--use-fake-ui-for-media-stream=deny",
      ...(hasMicrophone ? ["--use-fake-device-for-media-stream"] : []),
      ...(microphone === undefined ? [] : [`--use-file-for-fake-audio-capture=${microphone}`]),
      `--autoplay-policy=${autoplay ? "no-user-gesture-required" : "document-user-activation-required"}`,
      ...(hostnames.length === 0 ? [] : [`--host-resolver-rules=${hostnames.map((name) => `MAP ${name} 127.0.0.1`)}`]),
    ],
  });
}
