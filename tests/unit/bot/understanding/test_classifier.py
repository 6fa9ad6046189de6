"""The classifier of intents: trained at once, calibrated, kept by its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.understanding.classifier import NOTHING, Example, IntentClassifier, open_classifier, train

EXAMPLES = [
    *(Example(text, "book") for text in ("我要挂号", "帮我挂个号", "我想看医生", "约一个明天的号", "想挂个号看病")),
    *(Example(text, "look_up") for text in ("查我的预约", "看看我约了什么", "我约的是哪天", "查一下预约")),
    *(Example(text, "thanks") for text in ("谢谢", "多谢", "谢谢你", "太谢谢了", "非常感谢")),
    *(Example(text, NOTHING) for text in ("骨科", "明天", "上午", "消化内科", "王小明")),
]


@pytest.fixture(scope="module")
def classifier() -> IntentClassifier:
    return train(EXAMPLES)


def best(classifier: IntentClassifier, text: str) -> tuple[str, float]:
    return max(classifier.probabilities(text).items(), key=lambda pair: pair[1])


@pytest.mark.parametrize(
    ("text", "intent"), [("帮我查查预约", "look_up"), ("我要挂个号", "book"), ("多谢你", "thanks")]
)
def test_what_is_like_the_examples_is_known(classifier: IntentClassifier, text: str, intent: str) -> None:
    name, share = best(classifier, text)
    assert name == intent
    assert share > 0.5


def test_what_sounds_like_an_example_is_known(classifier: IntentClassifier) -> None:
    assert best(classifier, "我药挂好")[0] == "book"


def test_of_what_is_like_none_of_them_nothing_is_said(classifier: IntentClassifier) -> None:
    assert best(classifier, "阿巴阿巴")[1] < 0.42
    assert sum(classifier.probabilities("我要挂号").values()) == pytest.approx(1.0, abs=0.05)


def test_the_same_examples_give_the_same_classifier(classifier: IntentClassifier) -> None:
    assert train(EXAMPLES).probabilities("挂号") == classifier.probabilities("挂号")
    assert classifier.temperature > 0


def test_it_is_kept_by_its_content(tmp_path: Path) -> None:
    first = open_classifier(EXAMPLES, tmp_path)
    (kept,) = tmp_path.iterdir()
    again = open_classifier(EXAMPLES, tmp_path)
    assert again.probabilities("挂号") == pytest.approx(first.probabilities("挂号"))
    open_classifier(EXAMPLES[:-1], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    kept.write_bytes(b"broken")
    assert open_classifier(EXAMPLES, tmp_path).probabilities("挂号") == pytest.approx(first.probabilities("挂号"))


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert open_classifier(EXAMPLES, tmp_path / "file").names
