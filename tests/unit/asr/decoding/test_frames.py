"""Frames of a CTC model to tokens: language model, hotwords, Latin pieces, n-best lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from asr.decoding import FrameDecoder, HotwordDecoder, NgramScorer, Tier, WordRescorer
from asr.decoding.beam import BeamSettings, best_texts
from asr.decoding.frames import text_of
from asr.decoding.greedy import Candidates
from asr.decoding.ngram import NgramSettings
from asr.decoding.posteriors import Frames, Posteriors
from asr.hotwords.list import EMPTY, parse
from asr.lm import NgramModel, read_arpa
from asr.lm.kenlm import count_ngrams
from asr.transcript import Segment, Transcript, join_texts

UNITS = ("<blank>", "寻", "循", "枪", "腔", "进", "镜", "境", "看", "▁hel", "lo", "▁world")
INDEX = {unit: place for place, unit in enumerate(UNITS)}


def frames_of(*positions: dict[str, float]) -> Frames:
    """Three blank frames before and after each position, which is one frame of the probabilities given."""
    rows = np.full((4 * len(positions) + 3, len(UNITS)), 1e-6)
    rows[:, 0] = 1.0
    for place, probabilities in enumerate(positions):
        rows[4 * place + 3, 0] = 1e-6
        for unit, probability in probabilities.items():
            rows[4 * place + 3, INDEX[unit]] = probability
    rows /= rows.sum(axis=1, keepdims=True)
    return Frames(np.log(rows).astype(np.float32), 0, 0.04, len(rows) * 0.04)


HEARD = frames_of({"寻": 0.6, "循": 0.3}, {"枪": 0.6, "腔": 0.35}, {"进": 0.99}, {"境": 0.6, "镜": 0.35})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NgramModel:
    path = tmp_path_factory.mktemp("model") / "arpa"
    sentences: list[Sequence[str]] = [["循腔", "进镜"], ["看", "进镜"], ["寻", "枪"], ["境", "看"]] * 5
    count_ngrams(sentences, path, order=2)
    return read_arpa(path, keep=lambda word: word not in {"</s>", "<unk>"})


def text(decoder: HotwordDecoder, frames: Frames, words: str = "", **options: object) -> str:
    tokens, _ = decoder.decode_frames(frames, parse(words).hotwords if words else EMPTY, **options)  # type: ignore[arg-type]
    return join_texts(token.text for token in tokens)


def test_without_a_language_model_the_best_units_are_taken_with_times_and_alternatives() -> None:
    tokens, changes = HotwordDecoder(UNITS).decode_frames(HEARD, offset=10.0)
    assert [token.text for token in tokens] == ["寻", "枪", "进", "境"]
    assert [token.start for token in tokens] == pytest.approx([10.12, 10.28, 10.44, 10.6])
    assert tokens[0].alternatives[1].text == "循"
    assert 0.5 < tokens[0].confidence < tokens[2].confidence <= 1.0
    assert changes == ()


def test_a_language_model_writes_the_words_it_knows(model: NgramModel) -> None:
    scorer = NgramScorer(model, UNITS, NgramSettings(weight=0.7, length=1.0))
    assert text(HotwordDecoder(UNITS, frames=FrameDecoder(scorer)), HEARD) == "循腔进镜"


def test_a_hotword_wins_in_the_search_and_says_what_it_replaced() -> None:
    decoder = HotwordDecoder(UNITS)
    tokens, changes = decoder.decode_frames(HEARD, parse("循腔进镜").hotwords, tiers=frozenset({Tier.LATTICE}))
    assert join_texts(token.text for token in tokens) == "循腔进镜"
    assert [(change.word, change.heard, change.tier) for change in changes] == [("循腔进镜", "寻枪进境", "lattice")]
    assert text(decoder, HEARD, "循腔进镜", tiers=frozenset[Tier]()) == "寻枪进境"


def test_a_hotword_is_found_by_its_sound_too() -> None:
    frames = frames_of({"寻": 0.6, "看": 0.3}, {"枪": 0.6, "看": 0.3}, {"进": 0.9}, {"境": 0.6, "看": 0.3})
    assert text(HotwordDecoder(UNITS), frames, "寻枪进镜", tiers=frozenset({Tier.PHONETIC})) == "寻枪进镜"


def test_pieces_of_latin_words_are_joined() -> None:
    frames = frames_of({"看": 0.9}, {"▁hel": 0.9}, {"lo": 0.9}, {"▁world": 0.9}, {"看": 0.9})
    assert text(HotwordDecoder(UNITS), frames) == "看hello world看"
    assert text_of([INDEX["▁hel"], INDEX["lo"], INDEX["看"]], UNITS) == "hello看"
    assert text_of([0, 1, 2, 3], ["hel@@", "lo", "world", "<unk>"]) == "hello world"


def test_silence_has_no_tokens() -> None:
    assert HotwordDecoder(UNITS).decode_frames(frames_of(), parse("循腔").hotwords) == ((), ())


def test_the_likeliest_texts_of_frames_come_with_scores() -> None:
    readings = HotwordDecoder(UNITS).readings(HEARD, EMPTY, count=3)
    assert readings[0].text == "寻枪进境"
    assert len({reading.text for reading in readings}) == 3
    assert [reading.score for reading in readings] == sorted((r.score for r in readings), reverse=True)
    biased = HotwordDecoder(UNITS).readings(HEARD, parse("循腔进镜").hotwords, count=3)
    assert biased[0].text == "循腔进镜"


def test_the_likeliest_texts_of_a_lattice_come_with_scores(model: NgramModel) -> None:
    rows = np.full((2, len(UNITS)), 1e-6)
    rows[0, [INDEX["寻"], INDEX["循"]]] = 0.6, 0.4
    rows[1, [INDEX["枪"], INDEX["腔"]]] = 0.6, 0.4
    heard = Posteriors(np.log(rows).astype(np.float32), np.array([[0, 0.1], [0.1, 0.2]], np.float32))
    alone = HotwordDecoder(UNITS).readings(heard, EMPTY, count=4)
    assert (alone[0].text, alone[3].text) == ("寻枪", "循腔")
    assert {reading.text for reading in alone[1:3]} == {"循枪", "寻腔"}
    assert len(HotwordDecoder(UNITS).readings(heard, parse("循腔进镜").hotwords, count=4)) == 4
    assert alone[0].score == pytest.approx(np.log(0.36), abs=1e-3)
    speaking = HotwordDecoder(UNITS, language=WordRescorer(model, UNITS))
    with_words = speaking.readings(heard, EMPTY, count=4)
    tokens, _ = speaking.decode(heard)
    assert len(with_words) == 4
    assert with_words[0].text == join_texts(token.text for token in tokens)
    assert [reading.score for reading in with_words] != [reading.score for reading in alone]
    assert (
        HotwordDecoder(UNITS).readings(Posteriors(rows[:0].astype(np.float32), heard.times[:0]), EMPTY, count=2) == ()
    )


def test_the_best_of_several_texts_is_the_one_that_the_search_finds(model: NgramModel) -> None:
    rng = np.random.default_rng(5)
    log_probs = np.log(rng.dirichlet(np.ones(len(UNITS)), 4)).astype(np.float32)
    ranked = [Candidates(row, tuple(np.argsort(-log_probs[row])[:4].tolist())) for row in range(4)]
    found = best_texts(ranked, log_probs, [NgramScorer(model, UNITS)], BeamSettings(width=50), count=5)
    assert len({units for units, _ in found}) == 5
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_readings_survive_being_stored() -> None:
    tokens, _ = HotwordDecoder(UNITS).decode_frames(HEARD)
    readings = HotwordDecoder(UNITS).readings(HEARD, EMPTY, count=2)
    transcript = Transcript((Segment(0.0, 1.0, tokens, readings=readings),), 1.0)
    assert Transcript.from_dict(transcript.to_dict()) == transcript
    assert "readings" not in Transcript((Segment(0.0, 1.0, tokens),), 1.0).to_dict()["segments"][0]
