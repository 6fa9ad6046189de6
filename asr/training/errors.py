"""Everything that can keep the recipe from going on. These reach the person at the shell, never a user of the app.
A list in an unknown format is `asr.evaluation.manifests.ManifestUnknown`.

TrainingError
├── ManifestUnknown     a list of recordings is in no format known here
├── NothingToLearn      every line of the lists has a problem
├── ConfigInvalid       a configuration has a wrong key or value
├── InitInvalid         what training should start from is no model of this kind
└── AccuracyLost        int8 loses more than is tolerated; nothing was published
"""

from __future__ import annotations


class TrainingError(Exception):
    """Preparing, training or exporting cannot go on; the message says what to do."""


class NothingToLearn(TrainingError):
    """No line of the lists is fit to learn from; the report names what is wrong with each."""


class ConfigInvalid(TrainingError):
    """A configuration has a key or value that is not known; the message names file and key."""


class InitInvalid(TrainingError):
    """What training should start from lacks a part or is another model; the message names the folder and the part."""


class AccuracyLost(TrainingError):
    """The int8 model errs more than the fp32 one by over the tolerance; the published folder was left as it was."""
