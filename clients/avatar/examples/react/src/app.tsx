import type { AvatarState, VoiceAvatarElement } from "@voicesrv/avatar";
import { VoiceAvatar } from "@voicesrv/avatar/react";
import { useRef, useState } from "react";

export function App() {
  const avatar = useRef<VoiceAvatarElement>(null);
  const [state, setState] = useState<AvatarState>("off");
  const [turns, setTurns] = useState<string[]>([]);

  return (
    <main>
      <h1>Talk to me</h1>
      <VoiceAvatar
        ref={avatar}
        src="http://127.0.0.1:8000"
        captions
        theme="mint"
        onState={({ state }) => setState(state)}
        onTurn={({ text }) => setTurns((turns) => [...turns, text])}
        onError={(error) => console.warn(error.code, error.detail)}
      />
      <p>It is {state}.</p>
      {/* Errors are shown by the avatar and told to onError. */}
      <button type="button" onClick={() => avatar.current?.say("Nice to meet you.").catch(() => undefined)}>
        Introduce yourself
      </button>
      <ul>
        {turns.map((text, n) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: turns are only ever added at the end
          <li key={n}>{text}</li>
        ))}
      </ul>
    </main>
  );
}
