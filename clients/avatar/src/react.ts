/** `@voicesrv/avatar/react`: the element as a typed component, for React 18 and later. */

import {
  createElement,
  type ForwardRefExoticComponent,
  forwardRef,
  type HTMLAttributes,
  type RefAttributes,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
} from "react";
import type { LabelChanges, Renderer, VoiceAvatarElement, VoiceAvatarEventMap } from "./index.js";
import "./index.js";

type Own = Pick<VoiceAvatarElement, "token" | "settings" | "microphoneOptions" | "workletUrl" | "client" | "session">;
type Texts = { [K in "src" | "agent" | "voice" | "language" | "theme"]: string };
type Switches = { [K in "pushToTalk" | "captions" | "muted" | "autostart" | "noMicrophone" | "faceOnly"]: boolean };
type Handler<K extends keyof VoiceAvatarEventMap> = (detail: VoiceAvatarEventMap[K]["detail"]) => void;

/** What a page may ask of the element; all under the names of its properties. */
export interface AvatarProps extends Partial<Own>, Partial<Texts>, Partial<Switches> {
  /** 0 to 1. */
  volume?: number;
  labels?: LabelChanges;
  renderer?: Renderer;
  /** Events; each gets the `detail`. */
  onState?: Handler<"state">;
  onClient?: Handler<"client">;
  onTranscript?: Handler<"transcript">;
  onTurn?: Handler<"turn">;
  onReply?: Handler<"reply">;
  onToolCall?: Handler<"toolcall">;
  onError?: Handler<"error">;
}

export type VoiceAvatarProps = AvatarProps & Omit<HTMLAttributes<HTMLElement>, keyof AvatarProps | "children">;

const PROPERTIES = [
  ...(["token", "settings", "microphoneOptions", "workletUrl", "client", "session", "labels", "renderer"] as const),
  ...(["src", "agent", "voice", "language", "theme", "volume"] as const),
  ...(["pushToTalk", "captions", "muted", "noMicrophone", "faceOnly", "autostart"] as const),
];
const EVENTS = {
  onState: "state",
  onClient: "client",
  onTranscript: "transcript",
  onTurn: "turn",
  onReply: "reply",
  onToolCall: "toolcall",
  onError: "error",
} as const;

/** What stands for a property that is left out. */
const UNSET = {
  ...{ token: undefined, settings: {}, microphoneOptions: {}, workletUrl: undefined, client: null, session: null },
  ...{ labels: {}, renderer: null },
  ...{ src: null, agent: null, voice: null, language: null, theme: null, volume: null },
  ...{ pushToTalk: false, captions: false, muted: false, noMicrophone: false, faceOnly: false, autostart: false },
};

/** `<voice-avatar>` as a component; its `ref` is the element, with all its methods. */
export const VoiceAvatar: ForwardRefExoticComponent<VoiceAvatarProps & RefAttributes<VoiceAvatarElement>> = forwardRef(
  function VoiceAvatar(props, ref) {
    const element = useRef<VoiceAvatarElement>(null);
    const latest = useRef<VoiceAvatarProps>(props);
    const before = useRef<VoiceAvatarProps>({});
    useImperativeHandle(ref, () => element.current as VoiceAvatarElement, []);

    // Before the effects of those around it, which may call methods; and first of all listen, as it may start.
    useLayoutEffect(() => {
      const listening = new AbortController();
      for (const [prop, type] of Object.entries(EVENTS) as [keyof typeof EVENTS, keyof VoiceAvatarEventMap][]) {
        const listener = (event: Event): void =>
          (latest.current[prop] as ((detail: unknown) => void) | undefined)?.((event as CustomEvent).detail);
        element.current?.addEventListener(type, listener, { signal: listening.signal });
      }
      return () => listening.abort();
    }, []);

    useLayoutEffect(() => {
      latest.current = props;
      for (const name of PROPERTIES) assign(element.current, name, before.current[name], props[name]);
      before.current = props;
    });

    const rest = Object.fromEntries(
      Object.entries(props).filter(([name]) => !(name in EVENTS) && !PROPERTIES.includes(name as "src")),
    );
    return createElement("voice-avatar", { ...rest, ref: element });
  },
);

/** Set a property that has changed; one that is left out again goes back to what it was at first. */
function assign<K extends (typeof PROPERTIES)[number]>(
  element: VoiceAvatarElement | null,
  name: K,
  before: VoiceAvatarProps[K],
  now: VoiceAvatarProps[K],
): void {
  if (element === null || now === before) return;
  Object.assign(element, { [name]: now === undefined ? UNSET[name] : now });
}
