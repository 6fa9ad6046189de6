"""What can go wrong with language models and their training, in the tree of app.errors.

RequestRefused
├── CallbackForbidden          a callback to an address that the settings do not allow
├── CheckSetInvalid            recordings and texts to check a language model with that cannot be used
└── LanguageConflict           it does not fit what the language models are now
    ├── SubmissionKeyReused    the key of a submission came with another one
    ├── LanguageVersionBroken  the file of a version is damaged
    ├── NothingBefore          no other version ran before
    └── FollowsAnother         this node takes its language models from another
NotFound
├── LanguageJobUnknown         there is no such training
├── LanguageVersionUnknown     there is no such version
└── CheckSetUnknown            there is no such check set
Busy
└── LanguageJobsFull           too many trainings are unfinished
SetUpWrong
└── CeleryMissing              a broker is set, but its client is not installed
AppError
└── TrainingEnded              the training of a language model came to no version
    ├── LanguageModelWorse     the check found it worse than what runs
    ├── StepFailed             a step ended with an error
    ├── StepTimeout            a step took too long
    └── WorkerLost             the lease of its worker is over
"""

from __future__ import annotations

from collections.abc import Mapping

from app.errors import AppError, Busy, Detail, NotFound, RequestRefused, SetUpWrong


class CallbackForbidden(RequestRefused):
    """The settings do not allow callbacks to this address; an operator adds its origin to lm_callback_origins."""

    code = "callback_forbidden"


class CheckSetInvalid(RequestRefused):
    """The recordings and texts are none to check a language model with; `details["reason"]` says why."""

    code = "lm_check_set_invalid"


class LanguageConflict(RequestRefused):
    """What was asked for does not fit what the language models are now; look at them again."""

    code = "lm_conflict"


class SubmissionKeyReused(LanguageConflict):
    """The Idempotency-Key came before, with another request; use a new one."""

    code = "lm_key_reused"


class LanguageVersionBroken(LanguageConflict):
    """The file of this version is gone or damaged; train it again, or go back to another."""

    code = "lm_version_broken"


class NothingBefore(LanguageConflict):
    """No other language model ran before this one."""

    code = "lm_nothing_before"


class FollowsAnother(LanguageConflict):
    """This node takes its language models from another one; train and publish there."""

    code = "lm_follower"


class LanguageJobUnknown(NotFound):
    """There is no such training; it may have been deleted."""

    code = "lm_job_unknown"


class LanguageVersionUnknown(NotFound):
    """There is no language model of this number."""

    code = "lm_version_unknown"


class CheckSetUnknown(NotFound):
    """There is no such check set; it may have been deleted."""

    code = "lm_check_set_unknown"


class LanguageJobsFull(Busy):
    """As many trainings are unfinished as may be; come again when some have ended."""

    code = "lm_jobs_full"


class CeleryMissing(SetUpWrong):
    """A broker is set, but Celery is not installed: pip install -r requirements-celery.txt."""

    code = "celery_missing"


class TrainingEnded(AppError):
    """A training came to no version; what runs is what ran before."""

    code = "lm_training_ended"


class LanguageModelWorse(TrainingEnded):
    """The check found the model worse than what runs, by more than the tolerance; the details have the figures."""

    code = "lm_refused"


class StepFailed(TrainingEnded):
    """A step ended with an error; `said` is the code that it gave, if any, and `given` the details."""

    code = "lm_step_failed"

    def __init__(self, message: str, said: str | None = None, given: Mapping[str, Detail] = {}) -> None:
        """Keep what the step said of its end."""
        super().__init__(message, reason=message)
        self.said = said
        self.given = given


class StepTimeout(TrainingEnded):
    """A step took longer than it may; train with fewer sentences, or allow more time."""

    code = "lm_step_timeout"


class WorkerLost(TrainingEnded):
    """Whoever works on the training is gone; when that happens again and again, it is given up."""

    code = "lm_worker_lost"
