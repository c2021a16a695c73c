/** How long sound takes from the audio thread to the ear. */

/* What Firefox 153 told of PulseAudio 16, at 24 and at 44.1 kHz, when it did not freeze. */
const FIREFOX_ON_LINUX_MS = 43;

/**
 * In ms, as far as the browser tells; 0 where it does not know.
 *
 * Firefox on Linux is not asked, as that may freeze the tab for good: it asks the sound server while it holds a lock
 * that its audio thread wants (`MediaTrackGraphImpl::AudioOutputLatency`), and the sound server may be waiting for that
 * thread. The first look at a context that plays is the one that does it, so looking seldom does not help.
 */
export function outputLatencyMs(context: AudioContext): number {
  if (/X11.*Firefox/.test(navigator.userAgent)) return FIREFOX_ON_LINUX_MS; // under Wayland it says X11 too
  return (context.outputLatency || context.baseLatency || 0) * 1000; // Safari has no outputLatency
}
