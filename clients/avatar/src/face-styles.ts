/** Colours of the drawn face. Every one is a custom property of the element. */

import { sheet } from "./sheet.js";

export const faceStyles = sheet(`
:host {
  --_skin: var(--voice-avatar-skin, light-dark(#b3c4ff, #a9b9fb));
  --_skin-shade: var(--voice-avatar-skin-shade, light-dark(#8c97f5, #7480e6));
  --_hair: var(--voice-avatar-hair, light-dark(#413d99, #4a46b8));
  --_cloth: var(--voice-avatar-cloth, light-dark(#ff9d7a, #f08a68));
  --_cloth-shade: var(--voice-avatar-cloth-shade, light-dark(#f4766b, #cf5a58));
  --_headset: var(--voice-avatar-headset, light-dark(#2a2c5e, #e3e6ff));
  --_accent: var(--voice-avatar-accent, light-dark(#12b8a6, #2dd4bf));
  --_eyes: var(--voice-avatar-eyes, #23265c);
  --_lips: var(--voice-avatar-lips, #4a3f96);
  --_brows: var(--voice-avatar-brows, #322f7d);
  --_blush: var(--voice-avatar-blush, #ff8fb1);
  --_halo: var(--voice-avatar-halo, light-dark(#e6ebff, #23264a));
}
:host([theme~="peach"]) {
  --_skin: var(--voice-avatar-skin, light-dark(#ffd9b0, #f6c898));
  --_skin-shade: var(--voice-avatar-skin-shade, light-dark(#ffb184, #e59a6d));
  --_hair: var(--voice-avatar-hair, light-dark(#8a4532, #94503c));
  --_cloth: var(--voice-avatar-cloth, light-dark(#7cc6fe, #5aa9e6));
  --_cloth-shade: var(--voice-avatar-cloth-shade, light-dark(#4f9df0, #3a7bc8));
  --_headset: var(--voice-avatar-headset, light-dark(#4f3244, #ffe9d6));
  --_accent: var(--voice-avatar-accent, light-dark(#ff6b6b, #ff8585));
  --_eyes: var(--voice-avatar-eyes, #4a2a25);
  --_lips: var(--voice-avatar-lips, #a4493f);
  --_brows: var(--voice-avatar-brows, #6d3527);
  --_halo: var(--voice-avatar-halo, light-dark(#fff0e0, #3a2a28));
}
:host([theme~="mint"]) {
  --_skin: var(--voice-avatar-skin, light-dark(#b5f0d8, #9fe3c8));
  --_skin-shade: var(--voice-avatar-skin-shade, light-dark(#6fd3b4, #56b99b));
  --_hair: var(--voice-avatar-hair, light-dark(#1a7560, #218a72));
  --_cloth: var(--voice-avatar-cloth, light-dark(#ffd166, #f0bf4c));
  --_cloth-shade: var(--voice-avatar-cloth-shade, light-dark(#f7a93b, #cf8b2d));
  --_headset: var(--voice-avatar-headset, light-dark(#123f3a, #e0fff4));
  --_accent: var(--voice-avatar-accent, light-dark(#f2647a, #ff8296));
  --_eyes: var(--voice-avatar-eyes, #123c37);
  --_lips: var(--voice-avatar-lips, #17695a);
  --_brows: var(--voice-avatar-brows, #115445);
  --_halo: var(--voice-avatar-halo, light-dark(#e2f8ef, #1b3531));
}
[part="drawing"] { display: block; width: 100%; height: 100%; overflow: visible; }
.halo { fill: var(--_halo); }
.ring { fill: none; stroke: var(--_accent); opacity: 0; transition: opacity 0.3s; }
.orbit { fill: var(--_accent); opacity: 0; transition: opacity 0.3s; }
[data-state="hearing"] .ring { opacity: 0.75; }
[data-state="speaking"] .ring { opacity: 0.35; }
[data-state="thinking"] .orbit, [data-state="connecting"] .orbit { opacity: 0.9; }
.stop-skin { stop-color: var(--_skin); }
.stop-skin-shade { stop-color: var(--_skin-shade); }
.stop-cloth { stop-color: var(--_cloth); }
.stop-cloth-shade { stop-color: var(--_cloth-shade); }
.stop-shine { stop-color: #fff; stop-opacity: 0.42; }
.stop-none { stop-color: #fff; stop-opacity: 0; }
.stop-iris { stop-color: color-mix(in srgb, var(--_eyes) 62%, var(--_skin)); }
.stop-pupil { stop-color: var(--_eyes); }
.stop-hair { stop-color: var(--_hair); }
.stop-hair-light { stop-color: color-mix(in srgb, var(--_hair) 84%, #fff); }
.stop-neck-shadow { stop-color: color-mix(in srgb, var(--_skin-shade) 72%, var(--_eyes)); }
.hair { fill: var(--_hair); }
.highlight { fill: none; stroke: #fff; stroke-opacity: 0.16; stroke-width: 9; stroke-linecap: round; }
.band { fill: none; stroke: var(--_headset); stroke-width: 13; stroke-linecap: round; }
.cup { fill: var(--_headset); }
.cushion { fill: color-mix(in srgb, var(--_headset) 68%, var(--_skin-shade)); }
.light { fill: var(--_accent); opacity: 0.35; transition: opacity 0.3s; }
[data-state="listening"] .light, [data-state="hearing"] .light, [data-state="speaking"] .light { opacity: 1; }
.collar { fill: none; stroke: #fff; stroke-opacity: 0.35; stroke-width: 7; stroke-linecap: round; }
.cheek { fill: var(--_blush); opacity: 0.42; }
.nose { fill: none; stroke: var(--_lips); stroke-opacity: 0.4; stroke-width: 4.5; stroke-linecap: round; }
.brow { fill: none; stroke: var(--_brows); stroke-width: 7; stroke-linecap: round; stroke-linejoin: round; }
.lid { fill: none; stroke: var(--_eyes); stroke-width: 5; stroke-linecap: round; }
.white { fill: #fff; }
.glint { fill: #fff; }
.lips { fill: none; stroke: var(--_lips); stroke-linejoin: round; stroke-linecap: round; }
.inside { fill: #3a1233; }
.teeth { fill: #fff; }
.tongue { fill: #ff7f92; }
@media (forced-colors: active) { .ring, .orbit { forced-color-adjust: none; } }
`);
