/** `@voicesrv/avatar/react`: the element as a typed component, for React 18 and later. */

import {
  createElement,
  type ForwardRefExoticComponent,
  forwardRef,
  type HTMLAttributes,
  type RefAttributes,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
} from "react";
import type { LabelChanges, VoiceAvatarElement, VoiceAvatarEventMap } from "./index.js";
import "./index.js";

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

/** What is on where the attribute is there, whatever it says. */
const SWITCHES = new Set(["hidden", "inert", "itemScope"]);

/** On a server, which draws nothing, React 18 warns of effects of layout. */
const useDrawnEffect = globalThis.document === undefined ? useEffect : useLayoutEffect;

type Own = Pick<VoiceAvatarElement, Exclude<(typeof PROPERTIES)[number], "labels">> & { labels: LabelChanges };
type Detail<K extends keyof VoiceAvatarEventMap> = VoiceAvatarEventMap[K]["detail"];
type Handlers = { [P in keyof typeof EVENTS]: (detail: Detail<(typeof EVENTS)[P]>) => void };

/**
 * What a page may ask of the element, all under the names of its properties; and of its events, each gives its
 * `detail`. Null and undefined stand for what a property is at first.
 */
export type AvatarProps = { [K in keyof (Own & Handlers)]?: (Own & Handlers)[K] | null | undefined };

export type VoiceAvatarProps = AvatarProps & Omit<HTMLAttributes<HTMLElement>, keyof AvatarProps | "children">;

/** `<voice-avatar>` as a component; its `ref` is the element, with all its methods. */
export const VoiceAvatar: ForwardRefExoticComponent<VoiceAvatarProps & RefAttributes<VoiceAvatarElement>> = forwardRef(
  function VoiceAvatar(props, ref) {
    const element = useRef<VoiceAvatarElement>(null);
    const latest = useRef<VoiceAvatarProps>(props);
    const before = useRef<VoiceAvatarProps>({});
    useImperativeHandle(ref, () => element.current as VoiceAvatarElement, []);

    // Before the effects of those around it, which may call methods; and first of all listen, as it may start.
    useDrawnEffect(() => {
      const listening = new AbortController();
      for (const [prop, type] of Object.entries(EVENTS) as [keyof typeof EVENTS, keyof VoiceAvatarEventMap][]) {
        const listener = (event: Event): void =>
          (latest.current[prop] as ((detail: unknown) => void) | undefined)?.((event as CustomEvent).detail);
        element.current?.addEventListener(type, listener, { signal: listening.signal });
      }
      return () => listening.abort();
    }, []);

    useDrawnEffect(() => {
      latest.current = props;
      for (const name of PROPERTIES) {
        // What is left out again is undefined, which the element takes for what it was at first.
        if (props[name] === before.current[name]) continue;
        Object.assign(element.current as VoiceAvatarElement, { [name]: props[name] });
      }
      before.current = props;
    });

    // When React takes up what a server rendered, the element has set its `state` already.
    return createElement("voice-avatar", { ...attributesOf(props), suppressHydrationWarning: true, ref: element });
  },
);

/**
 * All else, for React to set, said so that it comes out as on any other element. Of a custom one React 18 knows neither
 * `className` nor false, and 19 sets `aria-…` that is true to an empty text, which is none.
 */
function attributesOf(props: VoiceAvatarProps): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(props)) {
    if (name in EVENTS || PROPERTIES.includes(name as "src")) continue;
    if (name === "className") attributes.class = value;
    else if (SWITCHES.has(name)) attributes[name] = value === false ? undefined : value;
    else attributes[name] = /^(aria|data)-/.test(name) && typeof value === "boolean" ? String(value) : value;
  }
  return attributes;
}
