/** Looks of what is around the face. */

import { sheet } from "./sheet.js";

export const elementStyles = sheet(`
:host {
  --_text: var(--voice-avatar-text, light-dark(#1f2147, #eceeff));
  --_soft: var(--voice-avatar-soft, light-dark(#565a82, #aeb4de));
  --_surface: var(--voice-avatar-surface, light-dark(#eef0ff, #262a50));
  --_button: var(--voice-avatar-button, light-dark(#4c4bd0, #8f97ff));
  --_button-text: var(--voice-avatar-button-text, light-dark(#ffffff, #14163a));
  --_stop: var(--voice-avatar-stop, light-dark(#c22f4a, #ff8a9e));
  --_problem: var(--voice-avatar-problem, light-dark(#fff0f2, #47202d));
  --_problem-text: var(--voice-avatar-problem-text, light-dark(#7d1328, #ffd9df));
  display: inline-flex; flex-direction: column; align-items: center; gap: 0.75rem;
  box-sizing: border-box; width: 20rem; max-width: 100%; container-type: inline-size;
  font: 1rem/1.45 var(--voice-avatar-font, system-ui, sans-serif); color: var(--_text);
}
:host([hidden]), [hidden] { display: none !important; }
:host([face-only]) > :not([part="stage"]) { display: none !important; }
:host([theme~="light"]) { color-scheme: light; }
:host([theme~="dark"]) { color-scheme: dark; }
* { box-sizing: border-box; }
p { margin: 0; }
[part="stage"] { width: 100%; aspect-ratio: 1; }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
[part="status"] { color: var(--_soft); font-size: 0.9375rem; min-height: 1.45em; text-align: center; }
[part="captions"] { display: flex; flex-direction: column; gap: 0.5rem; width: 100%; position: relative; }
[part~="caption"] {
  position: relative; max-width: 92%; max-height: 7.25em; padding: 0.5rem 0.875rem; border-radius: 1.125rem;
  overflow-wrap: anywhere; overflow-y: auto; white-space: pre-wrap; scroll-behavior: smooth; scrollbar-width: thin;
}
.line { display: block; }
[part~="user-caption"] {
  align-self: flex-end; border-end-end-radius: 0.25rem; background: var(--_button); color: var(--_button-text);
}
[part~="agent-caption"] {
  align-self: flex-start; border-end-start-radius: 0.25rem; background: var(--_surface);
}
[part="tentative"] { font-style: italic; text-decoration: underline dotted; text-underline-offset: 0.2em; }
[part="ahead"], [part="cut-off"] { color: var(--_soft); }
[part="problem"] {
  display: flex; flex-direction: column; align-items: center; gap: 0.625rem; width: 100%; padding: 0.75rem 1rem;
  border-radius: 1.125rem; background: var(--_problem); color: var(--_problem-text); font-size: 0.9375rem;
  text-align: center; overflow-wrap: anywhere;
}
[part="problem"]:empty { position: absolute; padding: 0; }
[part="status"]:empty { display: none; }
[part="controls"] { display: flex; align-items: center; justify-content: center; gap: 0.75rem; min-height: 3rem; }
[part~="button"] {
  display: inline-flex; align-items: center; justify-content: center; gap: 0.5rem;
  min-width: 3rem; min-height: 3rem; padding: 0 1.25rem; border: 0; border-radius: 1.5rem;
  font: inherit; font-weight: 600; background: var(--_button); color: var(--_button-text);
  cursor: pointer; touch-action: manipulation; user-select: none; -webkit-user-select: none;
  transition: filter 0.15s, transform 0.15s;
}
[part~="button"]:hover { filter: brightness(1.08); }
[part~="button"]:active { transform: scale(0.97); }
[part~="button"]:focus-visible, [part="stage"]:focus-visible { outline: 3px solid var(--_button); outline-offset: 3px; }
[part~="stop-button"], [part~="mute-button"] { padding: 0; background: var(--_surface); color: var(--_text); }
[part~="stop-button"] { color: var(--_stop); }
[part~="mute-button"][aria-pressed="true"] { background: var(--_stop); color: var(--_button-text); }
[part~="talk-button"] { touch-action: none; }
[part~="talk-button"][data-held] { background: var(--_stop); }
[part~="retry-button"] {
  min-height: 2.5rem; border-radius: 1.25rem; background: transparent; color: inherit; box-shadow: inset 0 0 0 2px;
}
.icon { flex: none; width: 1.375rem; height: 1.375rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.icon.stop { fill: currentColor; }
@container (max-width: 9rem) {
  [part="status"] { display: none; }
  [part~="caption"], [part="problem"] { font-size: 0.75rem; padding: 0.375rem 0.5rem; }
  [part="controls"] { flex-wrap: wrap; gap: 0.375rem; min-height: 0; }
  [part~="button"] { min-width: 2rem; min-height: 2rem; padding: 0 0.5rem; }
  [part="controls"] [part~="button"] { padding: 0; }
  [part="controls"] [part~="button"] > span {
    position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
  }
  .icon { width: 1.125rem; height: 1.125rem; }
}
@media (forced-colors: active) { [part~="button"] { border: 2px solid ButtonText; } }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; scroll-behavior: auto !important; } }
`);
