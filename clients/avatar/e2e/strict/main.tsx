// In StrictMode, which mounts, unmounts and mounts again whatever is in it; the button gives the avatar another key.

import { VoiceAvatar } from "@voicesrv/avatar/react";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

const src = new URLSearchParams(location.search).get("server") ?? "";

function App() {
  const [key, setKey] = useState(1);
  return (
    <main>
      <VoiceAvatar key={key} src={src} token={() => "any"} microphoneOptions={{ noiseSuppression: false }} autostart />
      <button type="button" onClick={() => setKey(key + 1)}>
        Another
      </button>
    </main>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
