/** What an end-to-end test is made of: a server, a page, a browser, and a network to break. */

export * from "./browser.js";
export * from "./pages.js";
export * from "./proxy.js";
export * from "./server.js";
export * from "./wav.js";
