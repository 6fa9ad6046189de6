"""Hotword lists over HTTP: the global one, named ones, and which of them a conversation uses.

The global list is at /api/hotwords, and among the others at /api/hotwords/lists/global. The list `lexicon` holds the
words that the bot knows; it can be read with a conversation's id, chosen, and not be changed.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import ConversationsDependency, PersonDependency
from app.api.routers.chat import REFUSALS
from app.chat.conversation import Conversations
from app.errors import RequestInvalid
from app.hotwords.lists import GLOBAL, LEXICON, MAX_LISTS, MAX_NAME, KeptList
from asr.hotwords.list import MAX_WORDS, Hotword, parse, parse_strictly
from asr.hotwords.problems import HotwordProblem, Reason

MAX_PROBLEMS = 100  # told of one text

router = APIRouter(prefix="/api", tags=["hotwords"], responses=REFUSALS)

ConversationId = Annotated[str | None, Query(description="Whose bot's words are asked for.")]


class Entry(BaseModel):
    """One hotword: how strongly it is expected (1 to 100), misheard forms, and where those are left alone."""

    word: str
    weight: int = 20
    aliases: list[str] = []
    contexts: list[str] = []

    @classmethod
    def of(cls, hotword: Hotword) -> Entry:
        """Return the entry of a list."""
        return cls(
            word=hotword.word,
            weight=hotword.weight,
            aliases=list(hotword.aliases),
            contexts=list(hotword.contexts),
        )

    def hotword(self) -> Hotword:
        """Return the hotword; raises RequestInvalid when it breaks a rule of the lists."""
        try:
            return Hotword(self.word.strip(), self.weight, tuple(self.aliases), tuple(self.contexts))
        except ValueError as error:
            raise RequestInvalid(str(error), field="word") from error


class Fault(BaseModel):
    """One thing wrong with a text, counted from line and column 1; with a `warning` the entry is kept."""

    line: int
    column: int
    reason: Reason
    message: str
    warning: bool

    @classmethod
    def of(cls, problem: HotwordProblem) -> Fault:
        """Return what a client gets to know of a problem."""
        return cls(
            line=problem.line,
            column=problem.column,
            reason=problem.reason,
            message=problem.message,
            warning=problem.warning,
        )


class HotwordList(BaseModel):
    """A list as it stands; `version` is to be sent back with a change, so that none is lost."""

    id: str
    name: str
    text: str
    words: list[Entry]
    problems: list[Fault]
    version: str
    can_undo: bool
    can_redo: bool
    read_only: bool


class ListCard(BaseModel):
    """What a user chooses a list by."""

    id: str
    name: str
    words: int
    read_only: bool


class ListCards(BaseModel):
    """All lists: the global one first, the bot's words last."""

    lists: list[ListCard]
    max_lists: int = MAX_LISTS


class Checked(BaseModel):
    """What a text would be as a list: its words, and what is wrong with it."""

    words: int
    problems: list[Fault]


class Choice(BaseModel):
    """The ids of the lists that a conversation uses beside the global one, the last the strongest."""

    lists: list[str] = Field(max_length=MAX_LISTS + 1)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Text(_Strict):
    """A list in any of its shapes: text, an object of words and weights, or a list of words."""

    text: str | dict[str, Any] | list[Any] = ""
    version: str | None = None


class NewList(Text):
    """A list to be made."""

    name: str = Field(max_length=MAX_NAME)


class Change(_Strict):
    """A word of the list and the entry that takes its place; none removes it."""

    word: str
    entry: Entry | None = None


class Changes(_Strict):
    """Changes of single words, and of a named list's name."""

    changes: list[Change] = Field(default=[], max_length=MAX_WORDS)
    name: str | None = Field(default=None, max_length=MAX_NAME)
    version: str | None = None


def shown(conversations: Conversations, kept: KeptList) -> HotwordList:
    """Return what a client gets to see of a list."""
    parsed = parse(kept.text, vocabulary=conversations.vocabulary)
    return HotwordList(
        id=kept.id,
        name=kept.name,
        text=kept.text,
        words=[Entry.of(hotword) for hotword in parsed.hotwords],
        problems=[Fault.of(problem) for problem in parsed.problems[:MAX_PROBLEMS]],
        version=kept.version,
        can_undo=kept.can_undo,
        can_redo=kept.can_redo,
        read_only=kept.read_only,
    )


@router.get("/hotwords")
def show_global(person: PersonDependency, conversations: ConversationsDependency) -> HotwordList:
    """Return the global list, which holds in every conversation and every request."""
    return shown(conversations, conversations.hotword_lists.get(person.id, GLOBAL))


@router.put("/hotwords")
def write_global(text: Text, person: PersonDependency, conversations: ConversationsDependency) -> HotwordList:
    """Put another text in the place of the global list's."""
    return write_list(GLOBAL, text, person, conversations)


@router.patch("/hotwords")
def change_global(changes: Changes, person: PersonDependency, conversations: ConversationsDependency) -> HotwordList:
    """Add, change and remove words of the global list."""
    return change_list(GLOBAL, changes, person, conversations)


@router.delete("/hotwords", status_code=204)
def empty_global(person: PersonDependency, conversations: ConversationsDependency) -> None:
    """Empty the global list; that can be undone."""
    conversations.hotword_lists.delete(person.id, GLOBAL)


@router.post("/hotwords/validate")
def validate(text: Text, conversations: ConversationsDependency, person: PersonDependency) -> Checked:
    """Tell what is wrong with a text, by line and column, without keeping it."""
    parsed = parse(text.text, vocabulary=conversations.vocabulary)
    return Checked(words=len(parsed.hotwords), problems=[Fault.of(one) for one in parsed.problems[:MAX_PROBLEMS]])


@router.get("/hotwords/lists")
def show_lists(
    person: PersonDependency, conversations: ConversationsDependency, conversation_id: ConversationId = None
) -> ListCards:
    """List the global list, the named ones, and, for a conversation, the words that its bot knows."""
    kept = conversations.hotword_lists.all(person.id)
    if conversation_id is not None:
        kept.append(conversations.lexicon(person.id, conversation_id))
    return ListCards(
        lists=[ListCard(id=one.id, name=one.name, words=len(one.hotwords), read_only=one.read_only) for one in kept]
    )


@router.post("/hotwords/lists", status_code=201)
def make_list(new: NewList, person: PersonDependency, conversations: ConversationsDependency) -> HotwordList:
    """Make a named list."""
    return shown(conversations, conversations.hotword_lists.create(person.id, new.name, as_text(new.text)))


@router.get("/hotwords/lists/{list_id}")
def show_list(
    list_id: str,
    person: PersonDependency,
    conversations: ConversationsDependency,
    conversation_id: ConversationId = None,
) -> HotwordList:
    """Return one list; `lexicon` needs the conversation whose bot is meant."""
    if list_id == LEXICON and conversation_id is not None:
        return shown(conversations, conversations.lexicon(person.id, conversation_id))
    return shown(conversations, conversations.hotword_lists.get(person.id, list_id))


@router.put("/hotwords/lists/{list_id}")
def write_list(
    list_id: str, text: Text, person: PersonDependency, conversations: ConversationsDependency
) -> HotwordList:
    """Put another text in the place of a list's."""
    kept = conversations.hotword_lists.write(person.id, list_id, as_text(text.text), version=text.version)
    return shown(conversations, kept)


@router.patch("/hotwords/lists/{list_id}")
def change_list(
    list_id: str, changes: Changes, person: PersonDependency, conversations: ConversationsDependency
) -> HotwordList:
    """Add, change and remove words of a list, and rename it; what is written around the words stays."""
    lists = conversations.hotword_lists
    wanted = {one.word: one.entry.hotword() if one.entry else None for one in changes.changes}
    if changes.name is not None:
        lists.rename(person.id, list_id, changes.name)
    return shown(conversations, lists.edit(person.id, list_id, wanted, version=changes.version))


@router.delete("/hotwords/lists/{list_id}", status_code=204)
def delete_list(list_id: str, person: PersonDependency, conversations: ConversationsDependency) -> None:
    """Delete a named list for good, or empty the global one."""
    conversations.hotword_lists.delete(person.id, list_id)


@router.post("/hotwords/lists/{list_id}/undo")
def undo(list_id: str, person: PersonDependency, conversations: ConversationsDependency) -> HotwordList:
    """Go back to the text before the last change."""
    return shown(conversations, conversations.hotword_lists.undo(person.id, list_id))


@router.post("/hotwords/lists/{list_id}/redo")
def redo(list_id: str, person: PersonDependency, conversations: ConversationsDependency) -> HotwordList:
    """Do again what was undone last."""
    return shown(conversations, conversations.hotword_lists.redo(person.id, list_id))


@router.get("/conversations/{conversation_id}/hotwords")
def show_choice(conversation_id: str, person: PersonDependency, conversations: ConversationsDependency) -> Choice:
    """Return which lists a conversation uses beside the global one."""
    conversations.store.require_conversation(person.id, conversation_id)
    return Choice(lists=conversations.hotword_lists.chosen(conversation_id))


@router.put("/conversations/{conversation_id}/hotwords")
def choose(
    conversation_id: str, choice: Choice, person: PersonDependency, conversations: ConversationsDependency
) -> Choice:
    """Have a conversation use these lists, from the next message on."""
    conversations.store.require_conversation(person.id, conversation_id)
    return Choice(lists=conversations.hotword_lists.choose(person.id, conversation_id, choice.lists))


def as_text(value: str | dict[str, Any] | list[Any]) -> str:
    """Return the text form of a list in any of its shapes; raises HotwordsInvalid."""
    return value if isinstance(value, str) else parse_strictly(value).serialize()
