"""What a list of hotwords gains and costs on a manifest: each recording is recognised without it and with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from asr.decoding import ALL_TIERS, Tier
from asr.evaluation.error_rate import Errors, count_errors, normalize
from asr.evaluation.recognition import ManifestUtterance
from asr.hotwords.list import HotwordList
from asr.recognizer import Recognizer
from asr.transcript import Transcript


@dataclass
class HotwordResult:
    """Counts of one manifest with one list.

    Occurrences of hotwords: `expected` in the references, `found` of those with the list, `wrong` in what was
    recognised and not in the reference; `missed` of the expected ones without the list, `rescued` of those with it,
    `lost` are those that only the run without the list had. `quiet` sentences hold no hotword, `triggered` of them
    were changed. `added_seconds` is CPU time that the list added over all sentences, one thread's.
    """

    name: str
    words: int
    without: Errors = field(default_factory=Errors)
    with_list: Errors = field(default_factory=Errors)
    expected: int = 0
    found: int = 0
    wrong: int = 0
    missed: int = 0
    rescued: int = 0
    lost: int = 0
    quiet: int = 0
    triggered: int = 0
    added_seconds: float = 0.0

    @property
    def recall(self) -> float:
        """Hotwords recognised by hotwords spoken; 1.0 when none was."""
        return self.found / self.expected if self.expected else 1.0

    @property
    def recall_without(self) -> float:
        """The same without the list."""
        return 1.0 - self.missed / self.expected if self.expected else 1.0

    @property
    def precision(self) -> float:
        """Hotwords rightly recognised by hotwords recognised; 1.0 when none was."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision."""
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0

    @property
    def rescue_rate(self) -> float:
        """Recall of the hotwords that the model misses without the list."""
        return self.rescued / self.missed if self.missed else 0.0

    @property
    def false_trigger_rate(self) -> float:
        """Sentences without a hotword that the list changed, by all such sentences."""
        return self.triggered / self.quiet if self.quiet else 0.0

    @property
    def added_ms(self) -> float:
        """CPU time that the list adds to a sentence, milliseconds."""
        return 1000 * self.added_seconds / max(1, self.without.sentences)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures for JSON."""
        rates = ("recall", "recall_without", "precision", "f1", "rescue_rate", "false_trigger_rate", "added_ms")
        cers = {"cer_without": self.without.cer, "cer": self.with_list.cer}
        return asdict(self) | {name: getattr(self, name) for name in rates} | cers


def evaluate_hotwords(
    recognizer: Recognizer,
    utterances: Iterable[ManifestUtterance],
    hotwords: HotwordList,
    *,
    name: str = "",
    tiers: frozenset[Tier] = ALL_TIERS,
    report: Callable[[ManifestUtterance, Transcript, Transcript], None] = lambda utterance, plain, changed: None,
) -> HotwordResult:
    """Recognise all utterances without and with a list, and count.

    Args:
        recognizer: what is measured.
        utterances: audio with its text.
        hotwords: the list.
        name: kept in the result.
        tiers: the ways in which hotwords may get into a text.
        report: called with each utterance and its transcripts without and with the list.

    Raises:
        AsrError: a recording could not be read or recognised.
    """
    result = HotwordResult(name, len(hotwords))
    words = [normalize(hotword.word) for hotword in hotwords]
    warm = False
    for utterance in utterances:
        audio = utterance.decode()
        if not warm:  # a list is made ready once, at its first use
            recognizer.transcribe(audio, hotwords, tiers=tiers)
            warm = True
        begin = time.thread_time()
        plain = recognizer.transcribe(audio)
        middle = time.thread_time()
        changed = recognizer.transcribe(audio, hotwords, tiers=tiers)
        result.added_seconds += (time.thread_time() - middle) - (middle - begin)
        _count(result, words, utterance.text, plain, changed)
        report(utterance, plain, changed)
    return result


def _count(result: HotwordResult, words: list[str], text: str, plain: Transcript, changed: Transcript) -> None:
    result.without += count_errors(text, plain.spoken)
    result.with_list += count_errors(text, changed.spoken)
    expected, before, after = normalize(text), normalize(plain.spoken), normalize(changed.spoken)
    spoken = False
    for word in words:
        if not (word in expected or word in after or word in before):
            continue
        there, had, has = expected.count(word), before.count(word), after.count(word)
        spoken = spoken or there > 0
        result.expected += there
        result.found += min(there, has)
        result.wrong += max(0, has - there)
        result.missed += max(0, there - had)
        result.rescued += max(0, min(there, has) - had)
        result.lost += max(0, min(there, had) - has)
    if not spoken:
        result.quiet += 1
        result.triggered += bool(changed.changes)


def table(results: Iterable[HotwordResult]) -> str:
    """Lay results out as a Markdown table, which reads well in a terminal too."""
    rows = [
        "| manifest | words | CER without | CER with | recall without | recall | of the missed | precision | F1 "
        "| false triggers | added ms |",
        "|" + "---|" * 11,
    ]
    for one in results:
        cells = (
            one.name,
            str(one.words),
            f"{one.without.cer:.1%}",
            f"{one.with_list.cer:.1%}",
            f"{one.recall_without:.1%}",
            f"{one.recall:.1%}",
            f"{one.rescue_rate:.1%} ({one.rescued}/{one.missed})",
            f"{one.precision:.1%}",
            f"{one.f1:.3f}",
            f"{one.false_trigger_rate:.1%} ({one.triggered}/{one.quiet})",
            f"{one.added_ms:.1f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
