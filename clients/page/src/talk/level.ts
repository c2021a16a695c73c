/** Loudness as a meter shows it. Pure. */

const QUIET_DB = -54;
const LOUD_DB = -9;
/* Speech at a laptop's microphone with automatic gain is about -30 dB of full scale, a room at rest -55 and below. */

/**
 * @param rms 0 to 1, of full scale.
 * @returns 0 to 1, even in decibels.
 */
export function meterLevel(rms: number): number {
  if (rms <= 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.min(1, Math.max(0, (db - QUIET_DB) / (LOUD_DB - QUIET_DB)));
}

/** The root mean square of samples of -1 to 1. */
export function rootMeanSquare(samples: ArrayLike<number>): number {
  let squares = 0;
  for (let n = 0; n < samples.length; n++) squares += (samples[n] as number) ** 2;
  return samples.length === 0 ? 0 : Math.sqrt(squares / samples.length);
}
