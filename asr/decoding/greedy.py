"""Greedy decoding: the most probable unit of each position, on its own."""

from __future__ import annotations

import numpy as np

from asr.posteriors import Posteriors
from asr.transcript import Alternative, Token

NOT_TEXT = frozenset({"<blank>", "<s>", "</s>", "<sos>", "<eos>", "<sos/eos>", "<pad>"})
UNKNOWN = "<unk>"
_MIN_ALTERNATIVE = 1e-4  # probability; below it a candidate is noise


def decode_greedily(
    posteriors: Posteriors, units: tuple[str, ...], *, offset: float = 0.0, alternatives: int = 8
) -> tuple[Token, ...]:
    """Take the best unit of each position, and keep the next best beside it.

    A position whose best unit is no text (blank, start, end) gives no token. One whose best unit is `<unk>` stands for
    a character that the model cannot write: the best character that it can is taken, with that one's low probability.

    Args:
        posteriors: of one segment, N positions over V units.
        units: the text of each of the V units.
        offset: seconds from the start of the audio to that of the segment.
        alternatives: how many candidates to keep at each token.

    Returns:
        At most N tokens, in order of time.
    """
    if not len(posteriors.log_probs):
        return ()
    depth = min(alternatives + len(NOT_TEXT) + 1, posteriors.log_probs.shape[1])
    top = np.argpartition(-posteriors.log_probs, depth - 1, axis=1)[:, :depth]
    tokens = []
    for row, candidates, (start, end) in zip(posteriors.log_probs, top, posteriors.times, strict=True):
        # By probability; of equals the lower index, so that the same scores always give the same text.
        order = sorted(candidates.tolist(), key=lambda index: (-row[index], index))
        if units[order[0]] in NOT_TEXT:
            continue
        found = [
            Alternative(units[index], float(np.exp(row[index])))
            for index in order
            if units[index] not in NOT_TEXT and units[index] != UNKNOWN
        ]
        if not found:
            continue
        kept = [found[0], *(other for other in found[1:alternatives] if other.probability >= _MIN_ALTERNATIVE)]
        tokens.append(
            Token(found[0].text, offset + float(start), offset + float(end), found[0].probability, tuple(kept))
        )
    return tuple(tokens)
