"""The browser's own signal code, run where it runs: in the browser."""

from __future__ import annotations

import itertools

from tests.browser.chat_page import ChatPage

RESAMPLE = """async ([rate, frequency, chunk]) => {
    const { Resampler } = await import(new URL("ui/js/resample.js", document.baseURI).href);
    const input = Float32Array.from({ length: rate }, (_, i) => Math.sin((2 * Math.PI * frequency * i) / rate));
    const resampler = new Resampler(rate, 16000);
    const output = [];
    for (let at = 0; at < rate; at += chunk) output.push(...resampler.push(input.slice(at, at + chunk)));
    output.push(...resampler.flush());
    let error = 0;
    for (let i = 200; i < output.length - 200; i += 1) {
        error = Math.max(error, Math.abs(output[i] - Math.sin((2 * Math.PI * frequency * i) / 16000)));
    }
    return { samples: output.length, error, peak: Math.max(...output.slice(200, -200)) };
}"""


def test_speech_keeps_its_shape_and_length_at_any_rate(chat: ChatPage) -> None:
    for rate, chunk in itertools.product((8000, 16000, 44100, 48000, 96000), (128, 512, 1000)):
        result = chat.page.evaluate(RESAMPLE, [rate, 1000, chunk])

        assert result["samples"] == 16000, (rate, chunk)
        assert result["error"] < 0.01, (rate, chunk)


def test_sounds_above_the_new_limit_are_removed_instead_of_folded_back(chat: ChatPage) -> None:
    for rate in (44100, 48000):
        assert chat.page.evaluate(RESAMPLE, [rate, 10_000, 512])["peak"] < 0.01, rate


def test_a_recording_is_16_khz_mono_pcm(chat: ChatPage) -> None:
    header = chat.page.evaluate(
        """async () => {
            const { encodeWav } = await import(new URL("ui/js/wav.js", document.baseURI).href);
            const bytes = await encodeWav(Float32Array.of(0, 1, -1, 2), 16000).arrayBuffer();
            return [...new Uint8Array(bytes)];
        }"""
    )
    data = bytes(header)

    assert data[:4] == b"RIFF"
    assert data[8:16] == b"WAVEfmt "
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert (int.from_bytes(data[22:24], "little"), int.from_bytes(data[24:28], "little")) == (1, 16000)
    samples = [int.from_bytes(data[i : i + 2], "little", signed=True) for i in range(44, len(data), 2)]
    assert samples == [0, 32767, -32767, 32767]
