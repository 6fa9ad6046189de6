// Runs on the audio thread: gathers the microphone's 128-sample blocks and posts them in larger chunks.

const CHUNK = 512;

class RecorderProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunk = new Float32Array(CHUNK);
    this.filled = 0;
    this.port.onmessage = () => {
      // The page asks for what is left and learns that nothing older is still on its way.
      this.post();
      this.port.postMessage("flushed");
    };
  }

  post() {
    if (!this.filled) return;
    this.port.postMessage(this.chunk.slice(0, this.filled));
    this.filled = 0;
  }

  process([input]) {
    const channel = input[0];
    if (!channel) return true;
    for (let i = 0; i < channel.length; i += 1) {
      this.chunk[this.filled] = channel[i];
      this.filled += 1;
      if (this.filled === CHUNK) this.post();
    }
    return true;
  }
}

registerProcessor("tingshuo-recorder", RecorderProcessor);
