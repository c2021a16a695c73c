/** Library, pages and avatar in WebKit, the nearest to Safari that runs here, against a real server. */

import { describe } from "vitest";
import { hasWebKit, startWebKit } from "./harness/webkit.js";
import { testAll, useStand } from "./webdriver-tests.js";

if (!hasWebKit) console.warn("no WebKit (Debian: apt install webkit2gtk-driver xvfb): nothing ran in it");

describe.skipIf(!hasWebKit)("in WebKit", () => {
  testAll(useStand(startWebKit));
});
