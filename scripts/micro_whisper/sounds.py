"""Sounds in which nobody speaks, made at random: noises, hums, knocks, bells, rings, chirps, calls, music. Numpy only.

Not meant to be taken for the real thing, but to be as varied: what tells speech from all of them tells it from birds,
machines and music that it never heard.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from .speech import RATE

Wave = npt.NDArray[np.float64]
_TILTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of noise: its spectrum falls with the frequency to this power, so by 0 to 6 dB an octave."""
_SCALE = (0, 2, 4, 5, 7, 9, 11, 12, 14, 16)
"""Semitones over the keynote."""
_CYCLE = 4096
"""Places of one period of a tone."""


class Sounds:
    """Makes sounds, the same ones for the same seed.

    Args:
        rng: decides everything.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._normal = np.random.default_rng(rng.getrandbits(32)).standard_normal
        self._hisses = [self._hiss_of(tilt) for tilt in _TILTS]
        self.kinds: dict[str, Callable[[int], Wave]] = {
            "hum": self._hum,
            "sweep": self._sweep,
            "knocks": self._knocks,
            "clatter": self._clatter,
            "bell": self._bell,
            "rings": self._rings,
            "chirps": self._chirps,
            "calls": self._calls,
            "motor": self._motor,
            "wash": self._wash,
            "melody": self._melody,
            "music": self._music,
        }
        """By name; each takes a number of samples and gives so many of any loudness."""

    def hiss(self, n_samples: int) -> npt.NDArray[np.float32]:
        """Noise of loudness 1, its power falling by 0 to 6 dB an octave."""
        noise = self._rng.choice(self._hisses)
        start = self._rng.randrange(len(noise))
        cut: npt.NDArray[np.float32] = noise[np.arange(start, start + n_samples) % len(noise)]
        return cut

    def nothing(self, seconds: float) -> npt.NDArray[np.float32]:
        """A window of this length: silence, hiss, or other sounds with hiss behind them or not; -1 to 1."""
        rng, n_samples = self._rng, round(seconds * RATE)
        if rng.random() < 0.08:
            return np.zeros(n_samples, np.float32)
        before = rng.choice((0, 0, rng.randint(0, 2 * RATE)))  # cut off, so that a window may begin anywhere in a sound
        n_samples += before
        sound = np.zeros(n_samples)
        for name in rng.sample(list(self.kinds), k=rng.choice((0, 1, 1, 1, 1, 1, 2, 2))):
            made = self.kinds[name](n_samples)
            if rng.random() < 0.25:
                made = self._in_a_room(made)
            sound += made / max(float(np.abs(made).max()), 1e-9) * 10 ** (rng.uniform(-40, -3) / 20)
        if rng.random() < 0.6:
            sound += self.hiss(n_samples) * 10 ** (rng.uniform(-75, -20) / 20)
        sound = sound[before:]
        n_samples -= before
        if rng.random() < 0.4:  # digital silence behind, as the server pads a window, or before
            quiet = round(rng.uniform(0, min(1.5, seconds)) * RATE)
            sound[n_samples - quiet :] = 0
        if rng.random() < 0.15:
            sound[: round(rng.uniform(0, 0.7) * n_samples)] = 0
        return np.clip(sound, -1, 1).astype(np.float32)

    def _hum(self, n_samples: int) -> Wave:
        """A tone with overtones: steady, wavering, gliding through the spectrum, or dying away."""
        rng, time = self._rng, np.arange(n_samples) / RATE
        low, high = (60 * 100 ** rng.random() for _ in range(2))
        hertz = np.full(n_samples, low) if rng.random() < 0.5 else np.linspace(low, high, n_samples)
        tone = self._tone(hertz, self._timbre(rng.randint(1, 8)))
        tone *= 1 + rng.choice((0.0, 0.0, 0.3, 0.9)) * np.sin(2 * np.pi * rng.uniform(1, 12) * time)
        since = time - rng.choice((0, rng.uniform(0, 0.7))) * n_samples / RATE
        return tone * np.exp(-np.maximum(since, 0) * rng.choice((0.0, 0.0, 3.0, 10.0))) * (since >= 0)

    def _sweep(self, n_samples: int) -> Wave:
        """A tone that goes up, down or to and fro between two frequencies: sirens, slides, test signals."""
        rng, time = self._rng, np.arange(n_samples) / RATE
        low, high = rng.choice((0, rng.uniform(0, 1500))), rng.uniform(1000, RATE / 2)
        turns = time * rng.choice((rng.uniform(0.05, 0.5), rng.uniform(0.5, 6))) + rng.random()
        rise = rng.choice((turns % 1, -turns % 1, np.abs(turns % 1 * 2 - 1), 0.5 - 0.5 * np.cos(2 * np.pi * turns)))
        return self._tone(low + (high - low) * rise ** rng.choice((1, 1, 2)), self._timbre(rng.choice((1, 1, 2, 4))))

    def _knocks(self, n_samples: int) -> Wave:
        """Clicks and short bursts of noise that die away."""
        return self._scattered(
            n_samples, (1, 10), (0.001, 0.25), lambda n: self._normal(n) * np.exp(-np.linspace(0, 6, n))
        )

    def _clatter(self, n_samples: int) -> Wave:
        """Hard things that ring for a moment when they are struck, each at pitches of its own."""
        rng = self._rng

        def strike(n: int) -> Wave:
            partials = [(rng.uniform(300, 7000), rng.random(), rng.uniform(10, 120)) for _ in range(rng.randint(3, 9))]
            return self._struck(n, partials) + self._normal(n) * np.exp(-np.arange(n) / RATE * 200)

        return self._scattered(n_samples, (1, 14), (0.03, 0.4), strike)

    def _bell(self, n_samples: int) -> Wave:
        """One to four bells or plucked bars: partials in no harmony, the high ones die first."""
        rng = self._rng

        def stroke(n: int) -> Wave:
            lowest, decay = rng.uniform(150, 2500), rng.uniform(0.8, 6)
            ratios = (1.0, *sorted(rng.uniform(1.2, 9) for _ in range(rng.randint(1, 6))))
            return self._struck(n, [(lowest * ratio, rng.random(), decay * ratio**0.5) for ratio in ratios])

        return self._scattered(n_samples, (1, 4), (0.5, 4), stroke)

    def _rings(self, n_samples: int) -> Wave:
        """Telephones, alarms and dial tones: two tones together or in turn, in a rhythm."""
        rng, time = self._rng, np.arange(n_samples) / RATE
        first, second = (rng.uniform(350, 3000) for _ in range(2))
        beat, timbre = rng.uniform(0.5, 25), self._timbre(rng.randint(1, 6))
        if rng.random() < 0.5:
            tone = self._tone(np.where(time * beat % 1 < 0.5, first, second), timbre)
        else:
            tone = self._tone(np.full(n_samples, first), timbre) + self._tone(np.full(n_samples, second), timbre)
        return tone * (time * rng.uniform(0.2, 4) % 1 < rng.choice((0.3, 0.5, 0.8, 1.0)))

    def _chirps(self, n_samples: int) -> Wave:
        """Whistles that sweep, as birds and machines make them; some of them rough."""
        rng = self._rng
        low, high = rng.uniform(400, 5000), rng.uniform(2000, 7800)
        timbre, roughness = self._timbre(rng.choice((1, 1, 1, 2, 3))), rng.choice((0.0, 0.0, 0.4))

        def chirp(n: int) -> Wave:
            sweep = np.linspace(rng.uniform(low, high), rng.uniform(low, high), n)
            wobble = 1 + rng.choice((0.0, 0.05, 0.15)) * np.sin(np.linspace(0, rng.uniform(5, 120), n))
            return self._tone(sweep * wobble + self._normal(n) * roughness * low, timbre) * np.hanning(n)

        return self._scattered(n_samples, (1, 20), (0.03, 0.6), chirp)

    def _calls(self, n_samples: int) -> Wave:
        """Barks, mews and cries: a pitch that rises and falls, rough, of one vowel."""
        rng = self._rng
        pitch, timbre = 120 * 10 ** rng.random(), self._timbre(rng.randint(4, 25))
        breath = rng.choice((0.1, 0.5, 1.5))

        def call(n: int) -> Wave:
            ends = [pitch * rng.uniform(0.5, 1.5) for _ in range(3)]
            voice = self._tone(np.interp(np.linspace(0, 2, n), (0, 1, 2), ends), timbre)
            return (voice + self._normal(n) * breath) * np.hanning(n) ** rng.uniform(0.3, 2)

        return self._scattered(n_samples, (1, 6), (0.06, 0.7), call)

    def _motor(self, n_samples: int) -> Wave:
        """Noise and tones that pulse with one steady or slowly changing beat: engines, wheels, fans, printers."""
        rng = self._rng
        beats = np.cumsum(np.linspace(*(rng.uniform(2, 90) for _ in range(2)), n_samples)) / RATE
        pulse = np.abs(np.sin(np.pi * beats)) ** rng.choice((1, 4, 16))
        noise = self._band(n_samples)
        whine = self._tone(np.full(n_samples, rng.uniform(80, 4000)), self._timbre(rng.randint(1, 10)))
        return noise / max(float(noise.std()), 1e-9) * (pulse + rng.random()) + whine * rng.choice((0, 0.3, 1))

    def _wash(self, n_samples: int) -> Wave:
        """A band of noise that swells: wind, water, wheels, a crowd far away."""
        return self._band(n_samples) * self._swell(n_samples)

    def _melody(self, n_samples: int) -> Wave:
        """Notes of one instrument."""
        return self._instrument(n_samples, 40 * 16 ** self._rng.random(), (2, 24), (0.1, 1.5))

    def _music(self, n_samples: int) -> Wave:
        """Several instruments in one key, from quick notes to held chords, with drums or without."""
        rng = self._rng
        keynote = rng.uniform(40, 80)
        sound = np.zeros(n_samples)
        for _ in range(rng.randint(2, 5)):
            longest = rng.choice((0.3, 0.8, 2.5))
            n_notes = max(round(n_samples / RATE / longest * rng.uniform(2, 6)), 2)
            octave = 2 ** rng.randint(0, 4)
            sound += self._instrument(n_samples, keynote * octave, (n_notes, n_notes), (longest / 3, longest))
        if rng.random() < 0.5:
            beat = np.arange(n_samples) / RATE * rng.uniform(1.5, 9) % 1
            drums = self._band(n_samples) * np.exp(-beat * rng.uniform(4, 30))
            sound += drums / max(float(np.abs(drums).max()), 1e-9) * np.abs(sound).max() * rng.uniform(0.2, 1.5)
        return sound

    def _instrument(
        self, n_samples: int, keynote: float, how_many: tuple[int, int], seconds: tuple[float, float]
    ) -> Wave:
        """Notes over a keynote in Hz, plucked or held, with vibrato or without."""
        rng = self._rng
        timbre, decay = self._timbre(rng.randint(1, 30)), rng.choice((0.0, 0.0, 1.0, 4.0, 12.0))
        attack, vibrato = rng.uniform(0.002, 0.15), rng.choice((0.0, 0.005, 0.01, 0.02))

        def note(n: int) -> Wave:
            time = np.arange(n) / RATE
            waver = 1 + vibrato * np.sin(2 * np.pi * (rng.uniform(4.5, 7) * time + rng.random()))
            loudness = np.exp(-time * decay) * np.minimum(time / attack, 1) * np.minimum(time[::-1] / 0.05, 1)
            return self._tone(keynote * 2 ** (rng.choice(_SCALE) / 12) * waver, timbre) * loudness

        return self._scattered(n_samples, how_many, seconds, note)

    def _timbre(self, overtones: int) -> Wave:
        """Strengths of a tone and its overtones, at random round a slope."""
        slope = self._rng.uniform(0.3, 1.5)
        return np.array([1, *(2 * self._rng.random() / i**slope for i in range(2, overtones + 1))])

    def _tone(self, hertz: Wave, timbre: Wave) -> Wave:
        """A tone of this frequency at every sample, without the overtones that the sample rate cannot hold."""
        heard = timbre[: max(int(RATE / 2 / max(float(hertz.max()), 1)), 1)]
        places = 2 * np.pi * np.arange(_CYCLE) / _CYCLE
        cycle = np.sin(np.arange(1, len(heard) + 1)[:, None] * places).T @ heard
        tone: Wave = cycle[(np.cumsum(hertz) * (_CYCLE / RATE)).astype(np.int64) % _CYCLE]
        return tone

    def _struck(self, n_samples: int, partials: Sequence[tuple[float, float, float]]) -> Wave:
        """What was struck rings: (frequency in Hz, strength, decay per second) of its partials."""
        time = np.arange(n_samples) / RATE
        sound = np.zeros(n_samples)
        for hertz, strength, decay in partials:
            if hertz < RATE / 2:
                sound += strength * np.sin(2 * np.pi * hertz * time) * np.exp(-decay * time)
        return sound

    def _band(self, n_samples: int) -> Wave:
        """Noise round one frequency, narrow or broad."""
        spectrum = np.fft.rfft(self._normal(n_samples))
        hertz = np.linspace(0, RATE / 2, len(spectrum))
        centre, width = 100 * 60 ** self._rng.random(), self._rng.uniform(0.2, 2)
        band: Wave = np.fft.irfft(spectrum * np.exp(-((np.log((hertz + 20) / centre) / width) ** 2)), n_samples)
        return band

    def _swell(self, n_samples: int) -> Wave:
        """A loudness that wanders between none and full, up to 12 times a second."""
        n_points = max(round(n_samples / RATE * self._rng.uniform(0.5, 12)), 2)
        points = np.array([self._rng.random() for _ in range(n_points)]) ** self._rng.choice((0.3, 1, 3))
        return np.interp(np.arange(n_samples), np.linspace(0, n_samples, n_points), points)

    def _in_a_room(self, sound: Wave) -> Wave:
        """With the echoes of a room that holds them for 0.1 to 1 s."""
        n_samples = len(sound)
        echoes = self._normal(n_samples) * np.exp(-np.arange(n_samples) / RATE * 7 / self._rng.uniform(0.1, 1))
        echoes[0] = self._rng.uniform(2, 20)
        size = 2 * n_samples
        echoed: Wave = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(echoes, size), size)[:n_samples]
        return echoed

    def _scattered(
        self, n_samples: int, how_many: tuple[int, int], seconds: tuple[float, float], make: Callable[[int], Wave]
    ) -> Wave:
        """So many pieces of such lengths anywhere in the window."""
        sound = np.zeros(n_samples)
        for _ in range(self._rng.randint(*how_many)):
            start, length = self._rng.randrange(n_samples), round(self._rng.uniform(*seconds) * RATE)
            piece = make(length)[: n_samples - start] * self._rng.uniform(0.3, 1)
            sound[start : start + len(piece)] += piece
        return sound

    def _hiss_of(self, tilt: float) -> npt.NDArray[np.float32]:
        """Half a minute or so of it, cut anywhere later."""
        n_samples = 2**19
        spectrum = np.fft.rfft(self._normal(n_samples))
        noise = np.fft.irfft(spectrum * np.maximum(np.arange(len(spectrum)), 300.0) ** -tilt)
        return (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
