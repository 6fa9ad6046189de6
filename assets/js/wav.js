// PCM16 WAV, mono: the one format every recogniser reads.

/** Encode float samples in [-1, 1] as a WAV blob. */
export function encodeWav(samples, sampleRate) {
  const bytes = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const ascii = (offset, text) => [...text].forEach((c, i) => bytes.setUint8(offset + i, c.charCodeAt(0)));
  ascii(0, "RIFF");
  bytes.setUint32(4, 36 + samples.length * 2, true);
  ascii(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true);
  bytes.setUint16(22, 1, true);
  bytes.setUint32(24, sampleRate, true);
  bytes.setUint32(28, sampleRate * 2, true);
  bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true);
  ascii(36, "data");
  bytes.setUint32(40, samples.length * 2, true);
  write(bytes, 44, samples);
  return new Blob([bytes.buffer], { type: "audio/wav" });
}

/** Float samples in [-1, 1] as 16-bit little-endian PCM: the same numbers as in the WAV of the same sound. */
export function toPcm(samples) {
  const bytes = new DataView(new ArrayBuffer(samples.length * 2));
  write(bytes, 0, samples);
  return bytes.buffer;
}

function write(bytes, offset, samples) {
  samples.forEach((sample, i) => {
    const clipped = Math.max(-1, Math.min(1, sample));
    bytes.setInt16(offset + i * 2, Math.round(clipped * 32767), true);
  });
}

/** One array out of many chunks. */
export function join(chunks) {
  const all = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
