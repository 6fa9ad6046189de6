"""Greedy decoding: the most probable unit of each position, on its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.decoding.posteriors import Posteriors
from asr.transcript import Alternative, Token

NOT_TEXT = frozenset({"<blank>", "<blk>", "<eps>", "▁", "<s>", "</s>", "<sos>", "<eos>", "<sos/eos>", "<pad>"})
UNKNOWN = "<unk>"
_MIN_ALTERNATIVE = 1e-4  # probability; below it a candidate is noise


@dataclass(frozen=True)
class Candidates:
    """What one position may be: its `row` in the posteriors and the indices of its text units, most probable first."""

    row: int
    units: tuple[int, ...]


def rank(posteriors: Posteriors, units: tuple[str, ...], *, depth: int = 8) -> tuple[Candidates, ...]:
    """List the best text units of each position that has text.

    A position whose best unit is no text (blank, start, end) is left out. One whose best unit is `<unk>` stands for a
    character that the model cannot write: its best text is taken.

    Args:
        posteriors: of one segment, N positions over V units.
        units: the text of each of the V units.
        depth: how many candidates of a position to keep.
    """
    if not len(posteriors.log_probs):
        return ()
    looked_at = min(depth + len(NOT_TEXT) + 1, posteriors.log_probs.shape[1])
    top = np.argpartition(-posteriors.log_probs, looked_at - 1, axis=1)[:, :looked_at]
    ranked = []
    for index, (row, candidates) in enumerate(zip(posteriors.log_probs, top, strict=True)):
        # By probability; of equals the lower index, so that the same scores always give the same text.
        order = sorted(candidates.tolist(), key=lambda unit: (-row[unit], unit))
        if units[order[0]] in NOT_TEXT:
            continue
        found = tuple(unit for unit in order if units[unit] not in NOT_TEXT and units[unit] != UNKNOWN)
        if found:
            ranked.append(Candidates(index, found[:depth]))
    return tuple(ranked)


def decode_greedily(
    posteriors: Posteriors, units: tuple[str, ...], *, offset: float = 0.0, alternatives: int = 8
) -> tuple[Token, ...]:
    """Take the best unit of each position, and keep the next best beside it.

    Args:
        posteriors: of one segment, N positions over V units.
        units: the text of each of the V units.
        offset: seconds from the start of the audio to that of the segment.
        alternatives: how many candidates to keep at each token.

    Returns:
        At most N tokens, in order of time.
    """
    return tokens_of(rank(posteriors, units, depth=alternatives), posteriors, units, offset=offset)


def tokens_of(
    ranked: tuple[Candidates, ...], posteriors: Posteriors, units: tuple[str, ...], *, offset: float = 0.0
) -> tuple[Token, ...]:
    """Make a token of the best candidate of each position; arguments as for `decode_greedily`."""
    tokens = []
    for candidates in ranked:
        row = posteriors.log_probs[candidates.row]
        start, end = posteriors.times[candidates.row]
        found = [Alternative(units[unit], float(np.exp(row[unit]))) for unit in candidates.units]
        kept = [found[0], *(other for other in found[1:] if other.probability >= _MIN_ALTERNATIVE)]
        tokens.append(
            Token(found[0].text, offset + float(start), offset + float(end), found[0].probability, tuple(kept))
        )
    return tuple(tokens)
