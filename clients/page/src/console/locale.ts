/**
 * Has uPlot loaded where the browser's language is no language tag: it formats by `navigator.language` as soon as it is
 * loaded, and throws (https://github.com/leeoniya/uPlot/pull/1054, in no release yet). To be imported before it.
 */

import { isLanguageTag } from "../shared/locale.js";

if (!isLanguageTag(navigator.language)) Object.defineProperty(navigator, "language", { value: "en" });
