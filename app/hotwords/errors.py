"""What can go wrong with hotword lists, in the tree of app.errors.

RequestRefused
├── HotwordsPartlyRead       some of the words to expect could not be read
├── HotwordListFull          a list's text is too long
├── HotwordListsFull         the owner has as many lists as there may be
└── HotwordConflict          it does not fit what the lists are now
    ├── HotwordListReadOnly  the list is not the user's to change
    ├── HotwordsChanged      the list was changed elsewhere meanwhile
    ├── NameTaken            another list has this name
    └── NothingToUndo        there is no earlier, or later, text
NotFound
├── HotwordListUnknown       there is no such list
└── CandidateUnknown         there is no such suggestion any more
"""

from __future__ import annotations

from app.errors import NotFound, RequestRefused


class HotwordsPartlyRead(RequestRefused):
    """Some of the words to expect could not be read and are left out; the message says which is the first."""

    code = "hotwords_partly_read"


class HotwordListFull(RequestRefused):
    """The text of a hotword list is too long; split it into several lists."""

    code = "hotword_list_full"


class HotwordListsFull(RequestRefused):
    """There are as many hotword lists as there may be; delete one first."""

    code = "hotword_lists_full"


class HotwordConflict(RequestRefused):
    """The request does not fit what the hotword lists are now."""

    code = "hotword_conflict"


class HotwordListReadOnly(HotwordConflict):
    """The bot's own words and the global list's name cannot be changed; copy the words into a list of your own."""

    code = "hotword_list_read_only"


class HotwordsChanged(HotwordConflict):
    """The list was changed in another window meanwhile; load it again."""

    code = "hotwords_changed"


class NameTaken(HotwordConflict):
    """There is a list of this name already; choose another."""

    code = "name_taken"


class NothingToUndo(HotwordConflict):
    """There is no earlier, or no later, text of this list."""

    code = "nothing_to_undo"


class HotwordListUnknown(NotFound):
    """There is no such hotword list; it may have been deleted in another window."""

    code = "hotword_list_unknown"


class CandidateUnknown(NotFound):
    """There is no such suggestion any more; it was accepted or dismissed."""

    code = "candidate_unknown"
