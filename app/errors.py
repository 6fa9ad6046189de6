"""Everything that can go wrong with a chat, apart from hearing (asr.errors) and answering (bot.errors).

    AppError
    ├── RequestRefused           the request cannot be taken as it is
    │   ├── RequestInvalid       a body is not of the form asked for
    │   │   ├── FieldMissing     a field of a form is not there
    │   │   └── FieldInvalid     a field of a form has a value that is not taken
    │   ├── TextEmpty            a typed message without a visible character
    │   ├── TextTooLong          a typed message with more characters than are taken
    │   ├── UploadTooLarge       a body with more bytes than are taken
    │   ├── UploadTimeout        a body that does not arrive
    │   ├── CrossSite            another web site asked the browser to send this
    │   ├── AudioUnannounced     live audio came before its settings
    │   ├── HalfASample          live audio ended within a sample
    │   ├── SessionTooLong       live audio goes on for longer than is taken
    │   ├── NotRetryable         a message that has not failed
    │   │   └── JobNotRetryable  a transcription that neither failed nor was cancelled
    │   ├── JobUnfinished        a transcription whose result is not there yet
    │   ├── NotCorrectable       a message without a transcript of the user's
    │   └── MessageInWork        a message that is still being recognised or answered
    ├── NotFound
    │   ├── ConversationUnknown  there is no such conversation
    │   ├── DomainUnknown        there is no such domain to talk about
    │   ├── MessageUnknown       there is no such message in the conversation
    │   ├── RecordingMissing     the message has no recording, or its file is gone
    │   ├── JobUnknown           there is no such transcription
    │   ├── FileUnknown          a client of Gradio's named a file that it did not upload
    │   └── ModelUnknown         no model of that name runs here
    ├── Unavailable
    │   ├── Busy                 too many messages are being worked on
    │   │   └── SessionsFull     too many people are being listened to
    │   ├── ShuttingDown         the server is about to stop
    │   ├── PortUnavailable      a port that was asked for cannot be opened
    │   └── StoreUnavailable     the database or the disk refused
    │       └── SchemaOutdated   the tables are not those of this release
    ├── AccessRefused            who asks may not do this
    │   ├── LoginRequired        no login and no key
    │   ├── LoginFailed          the name or the password is wrong
    │   ├── ScopeMissing         the key, or the person, may not do this
    │   └── HostUnknown          an app for one machine was asked for under a foreign name
    ├── LimitReached             who asks has had as much as one may have
    │   ├── TooManyRequests      in a minute
    │   ├── TooMuchAudio         in an hour
    │   ├── TooManyStreams       at the same time
    │   └── StorageFull          kept recordings
    ├── SetUpWrong               for the operator: the app cannot start, or a command cannot be done
    │   ├── UsersInvalid         the list of users has a line that is none
    │   ├── ExposedWithoutLogin  other machines could use the app without a login
    │   ├── KeyUnknown           there is no API key of this id
    │   ├── BackupInvalid        the archive is not a whole backup
    │   ├── DataPresent          there are data where a backup is to be restored
    │   └── ClockDoubtful        all that is kept would be too old at once
    └── MessageFailed            the message was taken; it stays, with a retry
        ├── NoSpeech             nothing was said in the recording
        └── Interrupted          the server stopped while it worked on the message

Those of the hotword lists are in app.hotwords.errors, those of the language models in app.language_models.errors.

Every class has a `code`, stable for programs and for the texts shown to users, and every error has
`details`: the plain values (limits, seconds) that its message is made of.
"""

from __future__ import annotations

from typing import ClassVar

Detail = str | int | float
INTERNAL_ERROR = "internal_error"  # the code of an error that no class here describes


class AppError(Exception):
    """A chat could not go on as asked; `str(error)` says why and what to do about it."""

    code: ClassVar[str] = "app_error"

    def __init__(self, message: str, **details: Detail) -> None:
        """Keep the English sentence `message` and the values it was made of."""
        super().__init__(message)
        self.details: dict[str, Detail] = details


class RequestRefused(AppError):
    """The request cannot be taken as it is."""

    code = "invalid_request"


class RequestInvalid(RequestRefused):
    """The body is not of the form asked for; the message says what it must be."""

    code = "invalid_request"


class FieldMissing(RequestInvalid):
    """A field of a form is not there, or is no file where one must be; the message names it."""

    code = "field_missing"


class FieldInvalid(RequestInvalid):
    """A field of a form has a value that is not taken; the message names the field and what it may be."""

    code = "field_invalid"


class TextEmpty(RequestRefused):
    """The typed message has no visible character; write something."""

    code = "text_empty"


class TextTooLong(RequestRefused):
    """The typed message has more characters than are taken; send it in parts."""

    code = "text_too_long"


class UploadTooLarge(RequestRefused):
    """The body has more bytes than are taken; send a shorter or a compressed recording."""

    code = "upload_too_large"


class UploadTimeout(RequestRefused):
    """The body did not arrive in time; send it again over a better connection."""

    code = "upload_timeout"


class CrossSite(RequestRefused):
    """Another web site asked the browser to send this; open the page itself."""

    code = "cross_site"


class AudioUnannounced(RequestRefused):
    """Live audio came before the settings that say what it is; send those first."""

    code = "audio_unannounced"


class HalfASample(RequestRefused):
    """Live audio ended within a sample: 16-bit PCM has an even number of bytes; the rest of it was recognised."""

    code = "half_a_sample"


class SessionTooLong(RequestRefused):
    """Live audio goes on for longer than is taken; begin another session."""

    code = "session_too_long"


class NotRetryable(RequestRefused):
    """Only a message of the user's that failed can be tried again."""

    code = "not_retryable"


class NotCorrectable(RequestRefused):
    """Only a voice message of the user's that is not on its way can be corrected."""

    code = "not_correctable"


class MessageInWork(RequestRefused):
    """The message is still being recognised or answered; wait for its end."""

    code = "message_in_work"


class JobNotRetryable(NotRetryable):
    """Only a transcription that failed or was cancelled can be tried again."""

    code = "transcription_not_retryable"


class JobUnfinished(RequestRefused):
    """The transcription is not done; wait for it, or ask for the partial result."""

    code = "transcription_unfinished"


class NotFound(AppError):
    """What was asked for is not here."""

    code = "not_found"


class ConversationUnknown(NotFound):
    """There is no such conversation; begin a new one."""

    code = "conversation_unknown"


class DomainUnknown(NotFound):
    """There is no domain of this name; GET /api/domains lists those there are."""

    code = "domain_unknown"


class MessageUnknown(NotFound):
    """There is no such message in this conversation."""

    code = "message_unknown"


class RecordingMissing(NotFound):
    """The message has no recording, or its file is gone from the disk."""

    code = "recording_missing"


class FileUnknown(NotFound):
    """A client of Gradio's named a file that it did not upload: addresses and paths of the server are not read."""

    code = "file_unknown"


class JobUnknown(NotFound):
    """There is no such transcription; it may have been deleted."""

    code = "transcription_unknown"


class ModelUnknown(NotFound):
    """No model of that name runs here; `details["models"]` names those that do."""

    code = "model_not_found"


class Unavailable(AppError):
    """The server cannot take this now."""

    code = "unavailable"


class Busy(Unavailable):
    """Too many messages are being worked on; `details["retry_after"]` says in how many seconds to come again."""

    code = "busy"


class SessionsFull(Busy):
    """Too many people are being listened to; `details["retry_after"]` says in how many seconds to come again."""

    code = "too_many_sessions"


class ShuttingDown(Unavailable):
    """The server is about to stop; come again when it has restarted."""

    code = "shutting_down"


class PortUnavailable(Unavailable):
    """A port that was asked for cannot be opened; choose another, or look after its certificate."""

    code = "port_unavailable"


class StoreUnavailable(Unavailable):
    """The database or the disk refused; the operator finds the reason in the log."""

    code = "store_unavailable"


class SchemaOutdated(StoreUnavailable):
    """The tables of the database are not those of this release; the operator runs `python -m app migrate`."""

    code = "schema_outdated"


class AccessRefused(AppError):
    """Who asks may not do this."""

    code = "access_refused"


class LoginRequired(AccessRefused):
    """There is no login and no key: log in, or send a key."""

    code = "login_required"


class LoginFailed(AccessRefused):
    """The name or the password is wrong; try again."""

    code = "login_failed"


class ScopeMissing(AccessRefused):
    """The key, or the person, may not do this; ask the operator for the scope."""

    code = "scope_missing"


class HostUnknown(AccessRefused):
    """An app for one machine was asked for under a foreign name; use localhost, or set up who may come."""

    code = "host_unknown"


class LimitReached(AppError):
    """Who asks has had as much as one may have; `details["limit"]` says how much that is."""

    code = "limit_reached"


class TooManyRequests(LimitReached):
    """Too many requests in a minute; `details["retry_after"]` says in how many seconds to come again."""

    code = "too_many_requests"


class TooMuchAudio(LimitReached):
    """Too much audio in an hour; `details["retry_after"]` says in how many seconds to come again."""

    code = "too_much_audio"


class TooManyStreams(LimitReached):
    """Too many streams at the same time; close one."""

    code = "too_many_streams"


class StorageFull(LimitReached):
    """All the space that one may have is taken by recordings; delete some."""

    code = "storage_full"


class SetUpWrong(AppError):
    """The app cannot start, or a command cannot be done, as it was asked for."""

    code = "set_up_wrong"


class UsersInvalid(SetUpWrong):
    """The list of users has a line that is none; `python -m app password` makes such lines."""

    code = "users_invalid"


class ExposedWithoutLogin(SetUpWrong):
    """Other machines could use the app without a login; set one up, or say that it is open."""

    code = "exposed_without_login"


class KeyUnknown(SetUpWrong):
    """There is no API key of this id; `python -m app keys list` shows them."""

    code = "key_unknown"


class BackupInvalid(SetUpWrong):
    """The archive is not a whole backup; take another one."""

    code = "backup_invalid"


class DataPresent(SetUpWrong):
    """There are data where a backup is to be restored; choose an empty folder."""

    code = "data_present"


class ClockDoubtful(SetUpWrong):
    """All that is kept would be too old at once; look at the clock, and delete it by a command if that is right."""

    code = "clock_doubtful"


class MessageFailed(AppError):
    """The message was taken and could not be answered; it stays in the chat with a retry."""

    code = "message_failed"


class NoSpeech(MessageFailed):
    """Nothing was said in the recording; speak closer to the microphone."""

    code = "no_speech"


class Interrupted(MessageFailed):
    """The server stopped while it worked on the message; try it again."""

    code = "interrupted"
