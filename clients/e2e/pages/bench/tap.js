// Sends on every block that it hears, and passes nothing through.

class Tap extends AudioWorkletProcessor {
  process(inputs) {
    const samples = inputs[0][0];
    if (samples) this.port.postMessage({ time: currentTime, samples: samples.slice() });
    return true;
  }
}

registerProcessor("tap", Tap);
