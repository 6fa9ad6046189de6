"""Minimum word error rate training: make likely what has few errors among what the model thinks likely.

Sources: Prabhavalkar et al., "Minimum Word Error Rate Training for Attention-based Sequence-to-sequence Models"
(2018), equation 3; Gao et al., "Paraformer" (2022), section 3.5. Paraformer's output is one distribution for each
token, so that the n best sentences come out of a lattice in which every position is free of the others.
"""

from __future__ import annotations

import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor


def n_best(log_probabilities: Tensor, mask: Tensor, n: int, depth: int = 4) -> tuple[Tensor, Tensor]:
    """The ``n`` most probable sentences of a lattice.

    Args:
        log_probabilities: (batch, tokens, vocabulary).
        mask: (batch, tokens), True where a token is valid; elsewhere all sentences get the same token.
        n: how many sentences; at most ``depth`` to the power of the shortest sentence's tokens are different.
        depth: candidates of each position that are looked at.

    Returns:
        Token ids (batch, n, tokens), most probable first, and their log-probabilities (batch, n), with gradient.
    """
    depth = min(depth, log_probabilities.shape[2])
    candidates, ids = log_probabilities.topk(depth, dim=2)
    steps = candidates.detach().masked_fill(~mask[..., None], -torch.inf)
    steps[..., 0] = steps[..., 0].masked_fill(~mask, 0.0)
    batch, length, _ = candidates.shape
    scores = steps.new_full((batch, n), -torch.inf)
    scores[:, 0] = 0.0
    chosen = ids.new_zeros((batch, n, length))
    for position in range(length):
        extended = (scores[:, :, None] + steps[:, None, position]).flatten(1)
        scores, best = extended.topk(n, dim=1)
        kept = torch.div(best, depth, rounding_mode="floor")
        chosen = chosen.gather(1, kept[..., None].expand(-1, -1, length))
        chosen[:, :, position] = best % depth
    picked = candidates[:, None].expand(-1, n, -1, -1).gather(3, chosen[..., None])[..., 0]
    total = (picked * mask[:, None]).sum(dim=2)
    sentences = ids[:, None].expand(-1, n, -1, -1).gather(3, chosen[..., None])[..., 0]
    return sentences, total.masked_fill(scores == -torch.inf, -torch.inf)


def mwer_loss(log_probabilities: Tensor, tokens: Tensor, mask: Tensor, hypotheses: int) -> Tensor:
    """Expected errors of the ``hypotheses`` best sentences, less their mean, as a mean over the batch.

    Args:
        log_probabilities: of the decoder without the sampler's help, (batch, tokens, vocabulary).
        tokens: the truth, (batch, tokens).
        mask: (batch, tokens), True where a token is valid.
        hypotheses: sentences to compare; 4 as in the paper.
    """
    sentences, scores = n_best(log_probabilities, mask, hypotheses)
    real = scores > -torch.inf
    errors = _errors(sentences, tokens, mask).masked_fill(~real, 0.0)
    mean = errors.sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True).clamp(min=1)
    probabilities = scores.masked_fill(~real, -1e9).softmax(dim=1)
    return (probabilities * (errors - mean)).masked_fill(~real, 0.0).sum(dim=1).mean()


def _errors(sentences: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    counts = mask.sum(dim=1).tolist()
    truths = [row[:count] for row, count in zip(tokens.tolist(), counts, strict=True)]
    found = [
        [float(Levenshtein.distance(truth, sentence[:count])) for sentence in best]
        for best, truth, count in zip(sentences.tolist(), truths, counts, strict=True)
    ]
    return torch.tensor(found, device=tokens.device)
