"""A small classifier of intents, trained on a domain's examples when it is loaded.

Multinomial logistic regression over TF-IDF weighted n-grams of characters and of near_class syllables (so that a
homophone costs little), by full-batch gradient descent with momentum. What it says is a probability: its logits are
divided by a temperature fitted to examples it was not trained on (Guo et al. 2017, On Calibration of Modern Neural
Networks, section 4.2). A class of its own stands for what wants nothing: the bare values of slots.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.understanding.sounds import near_class, syllables

Matrix = npt.NDArray[np.float32]

NOTHING = ""
"""The class of utterances without an intent."""

_FOLDS = 5
_STEPS, _RATE, _MOMENTUM, _DECAY = 240, 6.0, 0.9, 2e-4
_TEMPERATURES = np.geomspace(0.25, 6.0, 40, dtype=np.float32)
_VERSION = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """A text, in which private characters stand for values of slots, and its intent."""

    text: str
    intent: str


class IntentClassifier:
    """Gives the probability of every intent. Immutable after construction, safe to share between threads."""

    def __init__(self, features: Sequence[str], idf: Matrix, weights: Matrix, temperature: float, names: Sequence[str]):
        """Take what `train` or a cache has made: `weights` is (features + 1, intents), the last row the bias."""
        self._index = {feature: number for number, feature in enumerate(features)}
        self._features = tuple(features)
        self._idf, self._weights = idf, weights
        self.temperature = temperature
        self.names = tuple(names)

    def probabilities(self, text: str) -> dict[str, float]:
        """Return the calibrated probability of each intent, and of NOTHING.

        It holds for texts like the examples. Of one that shares few pairs of syllables with any of them nothing is
        known, so the probabilities shrink with the share of those it does.
        """
        grams = _grams(text)
        logits = _vector(grams, self._index, self._idf) @ self._weights
        pairs = [gram for gram in grams if gram.startswith("s") and gram.count(" ") == 1]
        known = sum(gram in self._index for gram in pairs) / len(pairs) if pairs else 0.0
        shares = np.sqrt(known) * _softmax(logits[None] / self.temperature)[0]
        return dict(zip(self.names, shares.tolist(), strict=True))

    def save(self, path: Path) -> None:
        """Keep the classifier in a file that holds numbers and texts only."""
        words = np.array(["\n".join(self._features), "\n".join(self.names)])
        numbers = {"idf": self._idf, "weights": self._weights, "temperature": np.float32(self.temperature)}
        unfinished = path.with_suffix(f".{os.getpid()}.npz")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, words=words, **numbers)  # type: ignore[arg-type]
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> IntentClassifier:
        """Return a classifier that was saved; raises OSError, ValueError or KeyError when the file is no such one."""
        with np.load(path, allow_pickle=False) as kept:
            features, names = (str(text).split("\n") for text in kept["words"])
            return cls(features, kept["idf"], kept["weights"], float(kept["temperature"]), names)


def open_classifier(examples: Sequence[Example], cache: Path | None = None) -> IntentClassifier:
    """Return the classifier of these examples: from `cache`, where it is kept by their content, or trained now."""
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tingshuo"
    content = json.dumps([_VERSION, [[one.text, one.intent] for one in examples]], ensure_ascii=False)
    path = folder / f"intents-{hashlib.sha256(content.encode()).hexdigest()[:32]}.npz"
    try:
        return IntentClassifier.load(path)
    except (OSError, ValueError, KeyError):
        trained = train(examples)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trained.save(path)
    except OSError as error:
        _log.info("the intent classifier is not kept: %s", error.strerror)
    return trained


def train(examples: Sequence[Example]) -> IntentClassifier:
    """Train on `examples` and calibrate on held-out folds of them; the same examples give the same classifier."""
    names = sorted({one.intent for one in examples})
    texts = [_grams(one.text) for one in examples]
    counts = Counter(chain.from_iterable(set(grams) for grams in texts))
    features = list(counts)
    seen = np.array([counts[feature] for feature in features], dtype=np.float32)
    idf = (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32)
    index = {feature: number for number, feature in enumerate(features)}
    inputs = np.stack([_vector(grams, index, idf) for grams in texts])
    labels = np.array([names.index(one.intent) for one in examples])
    kernel: Matrix = inputs @ inputs.T
    weights: Matrix = inputs.T @ _fit(kernel, labels, len(names))
    return IntentClassifier(features, idf, weights, _temperature(kernel, labels, len(names)), names)


def _fit(kernel: Matrix, labels: npt.NDArray[np.int64], classes: int) -> Matrix:
    """Minimise the mean cross entropy, each class weighing the same however many examples it has.

    `kernel` is (examples, examples), their inner products. The weights of the features are sums of the examples, so
    it is how much of each example they hold that is returned, (examples, classes): a tenth of the work.
    """
    share = np.bincount(labels, minlength=classes)[labels].astype(np.float32)
    weight = (1 / share / classes)[:, None]
    target = np.eye(classes, dtype=np.float32)[labels]
    held = np.zeros((len(labels), classes), dtype=np.float32)
    speed = np.zeros_like(held)
    for _ in range(_STEPS):
        wrong = (_softmax(kernel @ held) - target) * weight
        speed = (_MOMENTUM * speed - _RATE * (wrong + _DECAY * held)).astype(np.float32)
        held += speed
    return held


def _temperature(kernel: Matrix, labels: npt.NDArray[np.int64], classes: int) -> float:
    """Return the temperature under which classifiers of the other folds predict each fold best."""
    fold = np.arange(len(labels)) % _FOLDS
    logits = np.zeros((len(labels), classes), dtype=np.float32)
    for number in range(min(_FOLDS, len(labels))):
        tested = fold == number
        if not tested.all():
            held = _fit(kernel[np.ix_(~tested, ~tested)], labels[~tested], classes)
            logits[tested] = kernel[np.ix_(tested, ~tested)] @ held
    chosen = [_softmax(logits / t)[np.arange(len(labels)), labels] for t in _TEMPERATURES]
    losses = [-float(np.log(np.maximum(share, 1e-9)).mean()) for share in chosen]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _softmax(logits: Matrix) -> Matrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _vector(grams: Iterable[str], index: dict[str, int], idf: Matrix) -> Matrix:
    """Return the weighted counts at unit length, and 1 for the bias."""
    vector = np.zeros(len(index) + 1, dtype=np.float32)
    for gram, count in Counter(grams).items():
        number = index.get(gram)
        if number is not None:
            vector[number] = count * idf[number]
    norm = float(np.sqrt(vector @ vector))
    if norm:
        vector /= norm
    vector[-1] = 1.0
    return vector


def _grams(text: str) -> list[str]:
    characters = [character for character in text if character.isalnum() or ord(character) >= 0xE000]
    sounds = [near_class(syllable) for syllable in syllables("".join(characters))]
    return [
        f"{kind}{' '.join(units[start : start + size])}"
        for kind, units in (("c", ["<", *characters, ">"]), ("s", ["<", *sounds, ">"]))
        for size in (1, 2, 3)
        for start in range(len(units) - size + 1)
    ]
