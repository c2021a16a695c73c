/* What an AudioWorkletGlobalScope has; lib.dom leaves it out. https://webaudio.github.io/web-audio-api/ */

declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  abstract process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

declare const sampleRate: number;
declare const currentTime: number;
