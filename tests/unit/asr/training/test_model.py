"""The trained part: what CIF, the sampler and the decoder promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from asr.training.datasets.batches import bucketed
from asr.training.losses import LossConfig, SpeechBatch, speech_loss, text_loss
from asr.training.model import Acoustics, EmbeddedParaformer, ModelConfig, glance, integrate
from asr.training.mwer import mwer_loss, n_best

TINY = ModelConfig(tokens=30, syllables=20, width=16, heads=2, feed_forward=32, adapter_layers=1, decoder_layers=1)


@pytest.fixture
def model() -> EmbeddedParaformer:
    torch.manual_seed(0)
    return EmbeddedParaformer(TINY).eval()


def batch() -> SpeechBatch:
    generator = torch.Generator().manual_seed(1)
    return SpeechBatch(
        features=torch.randn(2, 30, 512, generator=generator),
        lengths=torch.tensor([30, 21]),
        tokens=torch.tensor([[5, 6, 7], [8, 9, 0]]),
        syllables=torch.tensor([[1, 2, 3], [4, 5, 0]]),
        counts=torch.tensor([3, 2]),
    )


def test_cif_gives_each_token_the_frames_that_hold_its_share() -> None:
    frames = torch.eye(4)[None]
    alphas = torch.tensor([[0.5, 0.5, 0.75, 0.25]])
    tokens = integrate(frames, alphas, torch.tensor(2))
    assert torch.allclose(tokens, torch.tensor([[[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.75, 0.25]]]))


def test_cif_divides_a_frame_between_two_tokens() -> None:
    tokens = integrate(torch.eye(2)[None], torch.tensor([[0.6, 1.4]]), torch.tensor(2))
    assert torch.allclose(tokens, torch.tensor([[[0.6, 0.4], [0.0, 1.0]]]))


def test_the_sampler_shows_more_truth_where_more_was_wrong() -> None:
    embedded, truth = torch.zeros(2, 10, 1), torch.ones(2, 10, 1)
    wrong = torch.zeros(2, 10, dtype=torch.bool)
    wrong[0, :8] = True
    mixed, shown = glance(embedded, truth, wrong, torch.ones_like(wrong), ratio=0.5)
    assert shown.sum(dim=1).tolist() == [4, 0]
    assert torch.equal(mixed[..., 0] == 1, shown)


def test_the_sampler_shows_valid_positions_only() -> None:
    wrong = torch.ones(1, 6, dtype=torch.bool)
    mask = torch.tensor([[True, True, True, False, False, False]])
    _, shown = glance(torch.zeros(1, 6, 1), torch.ones(1, 6, 1), wrong & mask, mask, ratio=1.0)
    assert torch.equal(shown, mask)


def test_a_sampling_ratio_of_nothing_switches_the_sampler_off(
    model: EmbeddedParaformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the sampler was asked")

    monkeypatch.setattr("asr.training.losses.glance", never)
    assert torch.isfinite(speech_loss(model, batch(), replace(LossConfig(), sampling_ratio=0.0))["decoder"])
    with pytest.raises(AssertionError, match="was asked"):
        speech_loss(model, batch(), LossConfig())


def test_a_fixed_threshold_counts_a_last_token_by_what_is_left_over(model: EmbeddedParaformer) -> None:
    model.config = replace(TINY, dynamic_threshold=False)
    frames = torch.randn(1, 4, TINY.width)
    mask = torch.ones(1, 4, dtype=torch.bool)

    def count(*alphas: float) -> tuple[int, float]:
        _, counts, weights = model.recognise(Acoustics(frames, mask, torch.tensor([alphas])))
        return int(counts), float(weights.sum())

    assert count(0.9, 0.9, 0.5, 0.2) == (3, pytest.approx(2.5))
    assert count(0.9, 0.9, 0.3, 0.3) == (2, pytest.approx(2.4))
    model.config = TINY
    assert count(0.9, 0.9, 0.3, 0.3) == (2, pytest.approx(2.0))


def test_the_best_sentences_of_a_lattice_come_in_order() -> None:
    rows = torch.tensor([[[0.6, 0.3, 0.1], [0.9, 0.05, 0.05]], [[0.5, 0.4, 0.1], [0.2, 0.1, 0.7]]])
    mask = torch.tensor([[True, True], [True, False]])
    sentences, scores = n_best(rows.log(), mask, n=3)
    assert sentences[0].tolist() == [[0, 0], [1, 0], [2, 0]]
    assert scores[0].exp().tolist() == pytest.approx([0.54, 0.27, 0.09])
    assert sentences[1, :, 0].tolist() == [0, 1, 2]
    assert scores[1].exp().tolist() == pytest.approx([0.5, 0.4, 0.1])


def test_a_lattice_gives_no_more_sentences_than_it_holds() -> None:
    sentences, scores = n_best(torch.tensor([[[0.7, 0.3]]]).log(), torch.tensor([[True]]), n=4)
    assert sentences.shape == (1, 4, 1)
    assert torch.isfinite(scores[0]).tolist() == [True, True, False, False]


def test_mwer_makes_the_sentence_with_fewest_errors_likelier() -> None:
    logits = torch.tensor([[[1.0, 1.2, 0.0], [2.0, 0.0, 0.0]]], requires_grad=True)
    truth, mask = torch.tensor([[0, 0]]), torch.ones(1, 2, dtype=torch.bool)
    optimiser = torch.optim.SGD([logits], lr=1.0)
    losses = []
    for _ in range(20):
        loss = mwer_loss(logits.log_softmax(-1), truth, mask, hypotheses=4)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < losses[0]
    assert logits[0].argmax(-1).tolist() == [0, 0]


def test_mwer_is_a_part_of_the_loss_when_it_has_a_weight(model: EmbeddedParaformer) -> None:
    parts = speech_loss(model, batch(), replace(LossConfig(), mwer=0.5))
    assert torch.isfinite(parts["mwer"])
    parts["mwer"].backward()
    assert model.output.weight.grad is not None


def test_the_number_of_tokens_is_the_sum_of_the_weights(model: EmbeddedParaformer) -> None:
    logits, counts, alphas = model.recognise(model.listen(batch().features, batch().lengths))
    assert torch.allclose(alphas.sum(dim=1), counts.float(), atol=1e-3)
    assert logits.shape == (2, max(1, int(counts.max())), TINY.tokens)


def test_padding_changes_nothing(model: EmbeddedParaformer) -> None:
    together, counts, _ = model.recognise(model.listen(batch().features, batch().lengths))
    alone, count, _ = model.recognise(model.listen(batch().features[1:, :21], batch().lengths[1:]))
    assert counts[1] == count[0]
    assert torch.allclose(together[1, : int(count)], alone[0, : int(count)], atol=1e-4)


def test_every_part_of_the_loss_teaches(model: EmbeddedParaformer) -> None:
    parts = speech_loss(model, batch(), LossConfig())
    assert set(parts) == {"ctc", "quantity", "syllable", "decoder"}
    torch.stack(list(parts.values())).sum().backward()
    without = {name for name, weight in model.named_parameters() if weight.grad is None}
    assert not without - {"glance_norm.weight", "glance_norm.bias", "decoder.null_frame"}


def test_a_loss_of_weight_zero_is_switched_off(model: EmbeddedParaformer) -> None:
    assert "ctc" not in speech_loss(model, batch(), replace(LossConfig(), ctc=0.0))


def test_a_batch_in_which_nobody_speaks_has_a_finite_loss(model: EmbeddedParaformer) -> None:
    silent = replace(
        batch(), tokens=torch.zeros(2, 0, dtype=torch.long), syllables=torch.zeros(2, 0, dtype=torch.long),
        counts=torch.tensor([0, 0]),
    )  # fmt: skip
    assert all(torch.isfinite(part) for part in speech_loss(model, silent, LossConfig()).values())


def test_the_decoder_learns_characters_from_syllables_alone(model: EmbeddedParaformer) -> None:
    tokens = torch.tensor([[5, 6, 7, 8]])
    heard = torch.tensor([[1, 2, 3, 4]])
    neighbours = torch.arange(20)[:, None].expand(-1, 8)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)

    def loss() -> Tensor:
        return text_loss(model, tokens, heard, torch.tensor([4]), neighbours, LossConfig(label_smoothing=0.0))

    before = loss().item()
    for _ in range(30):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert loss().item() < before / 4


def test_batches_hold_every_item_once_and_keep_to_their_size() -> None:
    lengths = [10, 200, 30, 40, 300, 5, 60]
    batches = list(bucketed(lengths, 300, np.random.default_rng(0)))
    assert sorted(i for indices in batches for i in indices) == list(range(len(lengths)))
    assert all(len(indices) * max(lengths[i] for i in indices) <= 300 for indices in batches)
