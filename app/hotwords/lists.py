"""Hotword lists that are kept: one global list an owner, named ones beside it, and which of them a conversation uses.

Every change keeps the text there was, so that it can be undone and done again. What recognises something asks
`in_use`, and gets one list: the bot's own words where they are wanted, the owner's global list, the conversation's
lists in their order, and the request's, merged by `asr.hotwords.list.merge`.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlmodel import Session, col, delete, func, select, update

from app.errors import RequestInvalid
from app.hotwords.errors import (
    HotwordListFull,
    HotwordListReadOnly,
    HotwordListsFull,
    HotwordListUnknown,
    HotwordsChanged,
    NameTaken,
    NothingToUndo,
)
from app.storage.database import Clock, Database, utc_now
from app.storage.tables import ConversationHotwordsRecord, HotwordListRecord, HotwordVersionRecord
from asr.hotwords.editing import Changes, edit
from asr.hotwords.list import EMPTY, MAX_WORDS, Hotword, HotwordList, merge, parse_strictly

GLOBAL = "global"
LEXICON = "lexicon"
MAX_LISTS = 50  # of one owner
MAX_VERSIONS = 30  # of one list
MAX_NAME = 40  # characters
MAX_TEXT = 2**19  # characters: 5,000 words with aliases and comments have room


@dataclass(frozen=True)
class KeptList:
    """A list as it stands: `version` changes with every change of its text."""

    id: str
    name: str
    text: str
    version: str
    can_undo: bool = False
    can_redo: bool = False
    read_only: bool = False

    @property
    def hotwords(self) -> HotwordList:
        """The words of the text."""
        return _read(self.text)


@lru_cache(maxsize=128)
def _read(text: str) -> HotwordList:
    return parse_strictly(text)


class HotwordLists:
    """All hotword lists of an app; safe to share between threads.

    Every method raises StoreUnavailable when the database refuses. A list of another owner
    than `owner` is unknown.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        """Keep the lists in `database`."""
        self._database = database
        self._clock = clock

    # Lists

    def all(self, owner: str) -> list[KeptList]:
        """Return the owner's lists: the global one (empty until it is written to), then the named ones by age."""
        with self._database.session() as session:
            records = session.exec(
                select(HotwordListRecord)
                .where(HotwordListRecord.owner == owner)
                .order_by(col(HotwordListRecord.created_at), col(HotwordListRecord.id))
            ).all()
            kept = [self._kept(session, record) for record in records]
        named = [one for one in kept if one.id != GLOBAL]
        return [next((one for one in kept if one.id == GLOBAL), _EMPTY_GLOBAL), *named]

    def get(self, owner: str, list_id: str) -> KeptList:
        """Return one list; raises HotwordListUnknown."""
        with self._database.session() as session:
            record = self._record(session, owner, list_id)
            return self._kept(session, record) if record else _EMPTY_GLOBAL

    def create(self, owner: str, name: str, text: str = "") -> KeptList:
        """Make a named list; raises NameTaken, HotwordListsFull, HotwordsInvalid."""
        text, name = _checked(text), _checked_name(name)
        with self._database.session() as session:
            self._require_free(session, owner, name)
            named = select(func.count()).where(HotwordListRecord.owner == owner, HotwordListRecord.name != "")
            if session.exec(named).one() >= MAX_LISTS:
                raise HotwordListsFull(f"There are {MAX_LISTS} lists already; delete one first.", max_lists=MAX_LISTS)
            return self._kept(session, self._new(session, owner, name, text))

    def write(self, owner: str, list_id: str, text: str, *, version: str | None = None) -> KeptList:
        """Put `text` in the place of a list's text.

        Raises HotwordListUnknown, HotwordListReadOnly, HotwordsInvalid; HotwordsChanged when the list is no longer
        at `version`.
        """
        return self._change(owner, list_id, lambda _: text, version)

    def edit(self, owner: str, list_id: str, changes: Changes, *, version: str | None = None) -> KeptList:
        """Change single words, as `asr.hotwords.editing.edit` does; raises what `write` raises."""
        return self._change(owner, list_id, lambda text: edit(text, changes), version)

    def add(self, owner: str, list_id: str, hotword: Hotword) -> KeptList:
        """Put a word into a list; one that is there gets its aliases too, and the higher weight of both."""

        def added(text: str) -> str:
            known = next((one for one in _read(text) if one.word == hotword.word), None)
            return edit(text, {hotword.word: known.merged_with(hotword) if known else hotword})

        return self._change(owner, list_id, added, None)

    def rename(self, owner: str, list_id: str, name: str) -> KeptList:
        """Give a named list another name; raises HotwordListUnknown, HotwordListReadOnly, NameTaken."""
        name = _checked_name(name)
        with self._database.session() as session:
            record = self._record(session, owner, list_id)
            if record is None or not record.name:
                raise HotwordListReadOnly("The global list has no name that could be changed.")
            if record.name != name:
                self._require_free(session, owner, name)
            record.name = name
            session.add(record)
            return self._kept(session, record)

    def delete(self, owner: str, list_id: str) -> None:
        """Delete a named list with all it was, or empty the global one; raises HotwordListUnknown."""
        if list_id == GLOBAL:
            self.write(owner, GLOBAL, "")
            return
        with self._database.session() as session:
            record = self._record(session, owner, list_id)
            assert record is not None  # only the global list may not be there yet
            session.execute(delete(HotwordVersionRecord).where(col(HotwordVersionRecord.list_id) == record.id))
            session.delete(record)

    def undo(self, owner: str, list_id: str) -> KeptList:
        """Go back to the text before the last change; raises HotwordListUnknown, NothingToUndo."""
        return self._step(owner, list_id, -1)

    def redo(self, owner: str, list_id: str) -> KeptList:
        """Do again what was undone last; raises HotwordListUnknown, NothingToUndo."""
        return self._step(owner, list_id, 1)

    # Use

    def chosen(self, conversation_id: str) -> list[str]:
        """Return the ids of the lists a conversation uses beside the global one: its bot's words until it chose."""
        with self._database.session() as session:
            record = session.get(ConversationHotwordsRecord, conversation_id)
            return list(record.list_ids) if record else [LEXICON]

    def choose(self, owner: str, conversation_id: str, list_ids: Sequence[str]) -> list[str]:
        """Have a conversation use these lists, in this order; raises HotwordListUnknown."""
        wanted = [one for one in dict.fromkeys(list_ids) if one != GLOBAL]
        with self._database.session() as session:
            for list_id in wanted:
                if list_id != LEXICON:
                    self._record(session, owner, list_id)
            session.merge(ConversationHotwordsRecord(conversation_id=conversation_id, list_ids=wanted))
        return wanted

    def in_use(
        self,
        owner: str,
        conversation_id: str | None = None,
        *,
        lists: Sequence[str] | None = None,
        lexicon: Callable[[], HotwordList] = lambda: EMPTY,
        request: HotwordList = EMPTY,
    ) -> HotwordList:
        """Return the one list to recognise with: for a message, a live session or a request of a program.

        Args:
            owner: whose global list holds.
            conversation_id: whose chosen lists hold; None for what belongs to no conversation.
            lists: instead of the conversation's, these; ids that the owner does not have are passed over.
            lexicon: gives the bot's own words, asked only when the list `lexicon` is among the chosen.
            request: what came with the request itself.
        """
        chosen = lists if lists is not None else self.chosen(conversation_id) if conversation_id else []
        with self._database.session() as session:
            rows = session.exec(
                select(HotwordListRecord.id, HotwordListRecord.name, HotwordVersionRecord.text)
                .join(HotwordVersionRecord, col(HotwordVersionRecord.id) == HotwordListRecord.version_id)
                .where(
                    HotwordListRecord.owner == owner,
                    col(HotwordListRecord.id).in_(chosen) | (col(HotwordListRecord.name) == ""),
                )
            ).all()
        texts = {GLOBAL if not name else list_id: text for list_id, name, text in rows}
        order = [GLOBAL, *(one for one in chosen if one != GLOBAL)]
        own = lexicon() if LEXICON in chosen else EMPTY
        return _merged(own, tuple(texts[one] for one in order if one in texts), request)

    # Inside

    def _record(self, session: Session, owner: str, list_id: str) -> HotwordListRecord | None:
        """Return a list's record; None for a global list that was never written to."""
        if list_id == LEXICON:
            raise HotwordListReadOnly("The bot's own words cannot be changed; copy them into a list of your own.")
        found = select(HotwordListRecord).where(HotwordListRecord.owner == owner)
        if list_id == GLOBAL:
            return session.exec(found.where(HotwordListRecord.name == "")).one_or_none()
        record = session.exec(found.where(HotwordListRecord.id == list_id, HotwordListRecord.name != "")).one_or_none()
        if record is None:
            raise HotwordListUnknown("There is no hotword list of this id.")
        return record

    def _require_free(self, session: Session, owner: str, name: str) -> None:
        taken = select(HotwordListRecord.id).where(HotwordListRecord.owner == owner, HotwordListRecord.name == name)
        if session.exec(taken).first() is not None:
            raise NameTaken("There is a list of this name already.", name=name)

    def _new(self, session: Session, owner: str, name: str, text: str) -> HotwordListRecord:
        now = self._clock()
        record = HotwordListRecord(id=secrets.token_urlsafe(9), owner=owner, name=name, version_id="", created_at=now)
        session.add(record)
        session.flush()
        self._hold(session, record, self._add_version(session, record, 0, text))
        return record

    def _add_version(self, session: Session, record: HotwordListRecord, number: int, text: str) -> str:
        version = HotwordVersionRecord(
            id=secrets.token_urlsafe(9), list_id=record.id, number=number, text=text, saved_at=self._clock()
        )
        session.add(version)
        session.flush()
        return version.id

    def _hold(self, session: Session, record: HotwordListRecord, version_id: str) -> None:
        """Have a version hold; raises HotwordsChanged when it was changed meanwhile."""
        moved = session.execute(
            update(HotwordListRecord)
            .where(col(HotwordListRecord.id) == record.id, col(HotwordListRecord.version_id) == record.version_id)
            .values(version_id=version_id)
        )
        if moved.rowcount != 1:  # type: ignore[attr-defined]
            raise HotwordsChanged("The list was changed elsewhere meanwhile; load it again.")
        session.refresh(record)

    def _kept(self, session: Session, record: HotwordListRecord) -> KeptList:
        versions = session.exec(
            select(HotwordVersionRecord.id, HotwordVersionRecord.number)
            .where(HotwordVersionRecord.list_id == record.id)
            .order_by(col(HotwordVersionRecord.number))
        ).all()
        current = session.get_one(HotwordVersionRecord, record.version_id)
        return KeptList(
            id=record.id if record.name else GLOBAL,
            name=record.name,
            text=current.text,
            version=current.id,
            can_undo=versions[0][1] < current.number,
            can_redo=versions[-1][1] > current.number,
        )

    def _change(self, owner: str, list_id: str, make: Callable[[str], str], version: str | None) -> KeptList:
        with self._database.session() as session:
            record = self._record(session, owner, list_id) or self._new(session, owner, "", "")
            current = session.get_one(HotwordVersionRecord, record.version_id)
            if version is not None and version not in (current.id, _EMPTY_GLOBAL.version):
                raise HotwordsChanged("The list was changed elsewhere meanwhile; load it again.")
            text = _checked(make(current.text))
            if text != current.text:
                of_list = col(HotwordVersionRecord.list_id) == record.id
                number = col(HotwordVersionRecord.number)
                # What was undone cannot be done again after another change.
                session.execute(delete(HotwordVersionRecord).where(of_list, number > current.number))
                self._hold(session, record, self._add_version(session, record, current.number + 1, text))
                oldest = current.number + 1 - MAX_VERSIONS
                session.execute(delete(HotwordVersionRecord).where(of_list, number <= oldest))
            return self._kept(session, record)

    def _step(self, owner: str, list_id: str, step: int) -> KeptList:
        with self._database.session() as session:
            record = self._record(session, owner, list_id)
            current = session.get_one(HotwordVersionRecord, record.version_id) if record else None
            number = current.number + step if current else -1
            target = session.exec(
                select(HotwordVersionRecord).where(
                    HotwordVersionRecord.list_id == (record.id if record else ""),
                    HotwordVersionRecord.number == number,
                )
            ).one_or_none()
            if record is None or target is None:
                raise NothingToUndo("There is no further version of this list.")
            self._hold(session, record, target.id)
            return self._kept(session, record)


_EMPTY_GLOBAL = KeptList(id=GLOBAL, name="", text="", version="0")


@lru_cache(maxsize=64)
def _merged(lexicon: HotwordList, texts: tuple[str, ...], request: HotwordList) -> HotwordList:
    return merge(lexicon, *map(_read, texts), request)


def _checked(text: str) -> str:
    """Return the text to keep: as it was written, or one word a line when it came as JSON; raises HotwordsInvalid."""
    if len(text) > MAX_TEXT:
        raise HotwordListFull(
            f"A list has at most {MAX_TEXT} characters.", max_characters=MAX_TEXT, max_words=MAX_WORDS
        )
    hotwords = parse_strictly(text)
    if text.removeprefix("\ufeff").lstrip().startswith(("{", "[")):
        return hotwords.serialize()
    # Control characters can only stand in comments, and no database takes all of them.
    lines = ("".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs")) for line in _lines(text))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").replace("\t", " ").splitlines()


def _checked_name(name: str) -> str:
    kept = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip()[:MAX_NAME].strip()
    if not kept:
        raise RequestInvalid("A list needs a name.", field="name")
    return kept
