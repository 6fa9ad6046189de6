// The microphone: 16 kHz mono samples through an AudioWorklet. It stays open for a moment after a
// recording, so that the next press loses nothing, and is then closed: the browser's recording light goes off.

import { preference } from "./preferences.js";
import { Resampler } from "./resample.js";
import { encodeWav, join } from "./wav.js";

export const SAMPLE_RATE = 16_000;
const WORKLET = new URL("../js/recorder-worklet.js", import.meta.url).href;
const KEEP_WARM_MS = 4_000;
const PRE_ROLL = 0.25; // seconds kept from before the press while the microphone is still open
const TAIL_MS = 120; // what the microphone still holds when the button is let go

/** Why the microphone cannot be used; `reason` is a key of the page's texts. */
export class MicrophoneError extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** The reason that can be known without asking for the microphone, or null. */
export function obstacle() {
  if (!window.isSecureContext) return "mic_insecure";
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioContext || !window.AudioWorkletNode) return "mic_unsupported";
  return null;
}

/** "granted", "denied", "prompt", or "unknown" where the browser does not tell; `onchange` hears of changes. */
export async function permission(onchange) {
  try {
    const status = await navigator.permissions.query({ name: "microphone" });
    status.onchange = () => onchange(status.state);
    return status.state;
  } catch {
    return "unknown"; // Firefox and Safari have no such permission name
  }
}

function reasonOf(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "mic_denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "mic_missing";
    case "NotReadableError":
    case "AbortError":
      return "mic_busy";
    default:
      return "mic_unsupported";
  }
}

/** The microphone that was chosen in the settings, if it is there. */
const chosen = () => (preference("microphone") ? { deviceId: preference("microphone") } : {});

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

export class Recorder {
  /** `onLevel(0..1)` and `onChunk(Float32Array at 16 kHz)` are called about thirty times a second while recording. */
  constructor({ onLevel = () => {}, onChunk = () => {} } = {}) {
    this.onLevel = onLevel;
    this.onChunk = onChunk;
    this.graph = null;
    this.recording = null;
    this.preRoll = [];
  }

  /**
   * Open the microphone unless it is open. To be called inside the gesture: Safari lets an AudioContext run only then.
   * Throws MicrophoneError.
   */
  async open() {
    clearTimeout(this.closing);
    this.opening ??= this.openGraph().finally(() => {
      this.opening = null;
    });
    await this.opening;
  }

  async openGraph() {
    if (this.graph?.stream.getTracks().every((track) => track.readyState === "live")) {
      await this.graph.context.resume();
      return;
    }
    this.close();
    const reason = obstacle();
    if (reason) throw new MicrophoneError(reason);
    const context = makeContext(SAMPLE_RATE);
    context.resume();
    // Both at once: what is said after the microphone is open and before the worklet is there would be lost.
    const worklet = context.audioWorklet.addModule(WORKLET).catch((error) => error);
    let stream;
    try {
      // As the microphone hears it: noise suppression and gain control serve people's ears, and cost the
      // recogniser: the one takes parts of speech away, the other clips them.
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { ...chosen(), channelCount: 1, echoCancellation: true, noiseSuppression: false, autoGainControl: false },
      });
      const failure = await worklet;
      if (failure) throw failure;
      this.graph = await connect(context, stream);
    } catch (error) {
      stream?.getTracks().forEach((track) => track.stop());
      if (context.state !== "closed") context.close();
      throw new MicrophoneError(reasonOf(error));
    }
    this.resampler = new Resampler(this.graph.context.sampleRate, SAMPLE_RATE);
    this.graph.node.port.onmessage = ({ data }) => this.receive(data);
  }

  receive(data) {
    if (data === "flushed") {
      this.flushed?.();
      return;
    }
    const chunk = this.resampler.push(data);
    if (!this.recording) {
      this.preRoll.push(chunk);
      let kept = this.preRoll.reduce((sum, each) => sum + each.length, 0);
      while (kept - this.preRoll[0].length > PRE_ROLL * SAMPLE_RATE) kept -= this.preRoll.shift().length;
      return;
    }
    this.record(chunk);
    this.onLevel(level(chunk));
  }

  /** Begin to hear, and to keep it unless `keep` is false. Call open() first. */
  start({ keep = true } = {}) {
    const before = this.preRoll;
    this.preRoll = [];
    this.keep = keep;
    this.recording = [];
    for (const chunk of before) this.record(chunk);
  }

  record(chunk) {
    if (this.keep) this.recording.push(chunk);
    this.onChunk(chunk);
  }

  /** End the recording; {blob, seconds}, with the last syllable in it. */
  async stop() {
    await wait(TAIL_MS);
    await new Promise((done) => {
      this.flushed = done;
      this.graph?.node.port.postMessage("flush");
      setTimeout(done, 300); // a suspended context never answers, nor does one that is closed
    });
    this.record(this.resampler.flush());
    const samples = join(this.recording);
    this.rest();
    return { blob: encodeWav(samples, SAMPLE_RATE), seconds: samples.length / SAMPLE_RATE };
  }

  /** Throw the recording away. */
  cancel() {
    this.rest();
  }

  rest() {
    this.recording = null;
    this.preRoll = [];
    if (this.graph) this.resampler = new Resampler(this.graph.context.sampleRate, SAMPLE_RATE);
    clearTimeout(this.closing);
    this.closing = setTimeout(() => this.close(), KEEP_WARM_MS);
  }

  /** Let go of the microphone. */
  close() {
    clearTimeout(this.closing);
    this.preRoll = [];
    if (!this.graph) return;
    this.graph.stream.getTracks().forEach((track) => track.stop());
    this.graph.context.close();
    this.graph = null;
  }
}

function makeContext(sampleRate) {
  try {
    return new AudioContext({ sampleRate, latencyHint: "interactive" });
  } catch {
    return new AudioContext();
  }
}

async function connect(context, stream) {
  let source;
  let running = context;
  try {
    source = running.createMediaStreamSource(stream);
  } catch {
    // Firefox refuses a microphone whose rate differs from the context's: run at its rate and resample.
    context.close();
    running = new AudioContext();
    running.resume();
    await running.audioWorklet.addModule(WORKLET);
    source = running.createMediaStreamSource(stream);
  }
  const node = new AudioWorkletNode(running, "tingshuo-recorder", {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
  });
  source.connect(node);
  return { context: running, stream, node, source };
}

/** Loudness from 0 to 1, on a scale that moves with ordinary speech. */
function level(chunk) {
  let sum = 0;
  for (const sample of chunk) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / Math.max(1, chunk.length) + 1e-10);
  return Math.max(0, Math.min(1, (decibels + 48) / 38)) ** 1.5;
}
