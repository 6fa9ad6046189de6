// Band-limited resampling for browsers whose microphone graph cannot run at 16 kHz. A polyphase filter
// with a Blackman-windowed sinc: what lies above the new Nyquist frequency is removed, not folded back.

const HALF_WIDTH = 16; // zero crossings of the sinc on each side

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

function polyphase(up, cutoff, half) {
  const phases = [];
  for (let phase = 0; phase < up; phase += 1) {
    const taps = new Float32Array(2 * half);
    let sum = 0;
    for (let tap = 0; tap < taps.length; tap += 1) {
      const x = tap - half + 1 - phase / up;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * cutoff * x) / (Math.PI * cutoff * x);
      const w = (x / half + 1) / 2;
      const inside = w > 0 && w < 1;
      taps[tap] = inside ? sinc * (0.42 - 0.5 * Math.cos(2 * Math.PI * w) + 0.08 * Math.cos(4 * Math.PI * w)) : 0;
      sum += taps[tap];
    }
    phases.push(taps.map((value) => value / sum));
  }
  return phases;
}

/** Changes the rate of a stream: push() chunks as they come, flush() for the samples still inside. */
export class Resampler {
  constructor(from, to) {
    const divisor = gcd(from, to);
    this.up = to / divisor;
    this.down = from / divisor;
    this.half = Math.ceil(HALF_WIDTH * Math.max(1, from / to));
    this.phases = from === to ? null : polyphase(this.up, Math.min(1, to / from) * 0.95, this.half);
    this.pending = new Float32Array(this.half - 1); // silence before the first sample
    this.position = 0; // of the next output, in 1/up of an input sample
    this.received = 0;
    this.produced = 0;
  }

  push(chunk) {
    if (!this.phases) return chunk;
    this.received += chunk.length;
    const input = new Float32Array(this.pending.length + chunk.length);
    input.set(this.pending);
    input.set(chunk, this.pending.length);
    const output = [];
    for (;;) {
      const start = Math.floor(this.position / this.up);
      if (start + 2 * this.half > input.length) break;
      const taps = this.phases[this.position % this.up];
      let sum = 0;
      for (let tap = 0; tap < taps.length; tap += 1) sum += taps[tap] * input[start + tap];
      output.push(sum);
      this.position += this.down;
    }
    const used = Math.min(Math.floor(this.position / this.up), input.length);
    this.position -= used * this.up;
    this.pending = input.slice(used);
    this.produced += output.length;
    return Float32Array.from(output);
  }

  flush() {
    if (!this.phases) return new Float32Array(0);
    const wanted = Math.round((this.received * this.up) / this.down) - this.produced;
    return this.push(new Float32Array(this.half + this.down)).slice(0, Math.max(0, wanted));
  }
}
