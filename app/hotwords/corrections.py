"""What users put right: their corrections, the hotwords these suggest, and both as data to train a model on.

A corrected message keeps its recording and, in `Message.heard`, what was recognised; so the corrections are the
messages themselves, and go when these go.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from sqlmodel import Session, col, delete, func, select

from app.errors import MessageUnknown, NotCorrectable
from app.hotwords.errors import CandidateUnknown
from app.storage.archive import ZIP_STORED, ZipStream
from app.storage.database import Clock, Database, guarded, utc_now
from app.storage.recordings import Recordings
from app.storage.store import WAV
from app.storage.tables import CandidateRecord, ConversationRecord, Message, TranscriptRecord
from asr import Transcript
from asr.hotwords.suggestions import corrected_speech, suggest

MAX_LISTED = 200
OPEN, ACCEPTED, DISMISSED = "open", "accepted", "dismissed"


class Manifest(StrEnum):
    """Whose training recipes read the exported lines: FunASR's jsonl data sets, or NeMo's manifests."""

    FUNASR = "funasr"
    NEMO = "nemo"


@dataclass(frozen=True)
class Correction:
    """One corrected message: `said` is what a recogniser should have written, without punctuation, numbers in words."""

    message: Message
    said: str


@dataclass(frozen=True)
class LabelledRecording:
    """What was said, as a recogniser should have written it, and the name of its recording, which is so long."""

    said: str
    recording: str
    seconds: float


@dataclass(frozen=True)
class Corrected:
    """A message after its correction (`answering` when it is to be answered again), and the answers taken back."""

    message: Message
    withdrawn: tuple[Message, ...]


class Corrections:
    """The corrections of all users; safe to share between threads. Every method raises StoreUnavailable."""

    def __init__(self, database: Database, recordings: Recordings, clock: Clock = utc_now) -> None:
        """Read corrections from, and keep candidates in, `database`; `recordings` has their audio."""
        self._database = database
        self._recordings = recordings
        self._clock = clock

    def correct(self, conversation_id: str, message_id: str, text: str, known: Collection[str] = ()) -> Corrected:
        """Put `text` in the place of what was recognised, and keep the words that this suggests.

        `known` are words of the conversation's, which suggestions do not cut through.

        The last message of the user's is to be answered again, from the state before its answer, unless that did
        something that cannot be taken back; of any other message only the text changes. Raises MessageUnknown,
        NotCorrectable.
        """
        with self._database.session() as session:
            found = select(Message).where(Message.id == message_id, Message.conversation_id == conversation_id)
            message = session.exec(found).one_or_none()
            conversation = session.get(ConversationRecord, conversation_id)
            if message is None or conversation is None:
                raise MessageUnknown("There is no message of this id in the conversation.")
            if (message.role, message.kind) != ("user", "voice") or message.status not in ("done", "failed"):
                raise NotCorrectable("Only a voice message that has been recognised can be corrected.")
            if text == message.text:
                return Corrected(message, ())
            message.heard = message.text if message.heard is None else message.heard
            message.text = text
            session.add(message)
            self._propose(session, conversation.owner, message, known)
            return Corrected(message, self._taken_back(session, conversation, message))

    def _taken_back(self, session: Session, conversation: ConversationRecord, message: Message) -> tuple[Message, ...]:
        """Take the answer to the last message back, if that can be done, and have it answered again."""
        later = col(Message.number) > message.number
        of_conversation = col(Message.conversation_id) == conversation.id
        if session.exec(select(Message.id).where(of_conversation, later, Message.role == "user")).first():
            return ()
        if message.status == "done":
            turn = conversation.last_turn or {}
            if turn.get("message_id") != message.id or turn["acted"]:
                return ()
            conversation.state = turn["state"]
            session.add(conversation)
        message.status, message.error_code, message.error_details = "answering", None, {}
        answers = session.exec(
            select(Message).where(of_conversation, later, Message.role == "bot", Message.status == "done")
        ).all()
        for answer in answers:
            answer.status = "withdrawn"
            session.add(answer)
        return tuple(answers)

    def _propose(self, session: Session, owner: str, message: Message, known: Collection[str]) -> None:
        """Keep the words that a correction suggests, in the place of those that the one before suggested."""
        of_message = col(CandidateRecord.message_id) == message.id
        session.execute(delete(CandidateRecord).where(of_message, col(CandidateRecord.status) == OPEN))
        asked = select(CandidateRecord.word, CandidateRecord.alias).where(CandidateRecord.owner == owner)
        decided = set(session.exec(asked).all())
        session.add_all(
            CandidateRecord(
                id=secrets.token_urlsafe(9),
                owner=owner,
                message_id=message.id,
                word=one.word,
                alias=one.alias,
                alias_is_word=one.alias_is_word,
                created_at=self._clock(),
            )
            for one in suggest(message.heard or "", message.text, known)
            if (one.word, one.alias) not in decided
        )

    def candidates(self, owner: str) -> list[CandidateRecord]:
        """Return the words waiting for a decision, the newest first."""
        with self._database.session() as session:
            waiting = (
                select(CandidateRecord)
                .where(CandidateRecord.owner == owner, CandidateRecord.status == OPEN)
                .order_by(col(CandidateRecord.created_at).desc())
                .limit(MAX_LISTED)
            )
            return list(session.exec(waiting).all())

    def candidate(self, owner: str, candidate_id: str) -> CandidateRecord:
        """Return one word waiting for a decision; raises CandidateUnknown."""
        with self._database.session() as session:
            return self._open(session, owner, candidate_id)

    def settle(self, owner: str, candidate_id: str, status: str) -> CandidateRecord:
        """Decide about a candidate (ACCEPTED or DISMISSED); raises CandidateUnknown when it is not waiting."""
        with self._database.session() as session:
            candidate = self._open(session, owner, candidate_id)
            candidate.status = status
            session.add(candidate)
            return candidate

    def count(self, owner: str) -> int:
        """Return how many messages the owner has corrected."""
        with self._database.session() as session:
            corrected = (
                select(func.count())
                .select_from(Message)
                .join(ConversationRecord, col(ConversationRecord.id) == Message.conversation_id)
                .where(ConversationRecord.owner == owner, col(Message.heard).is_not(None))
            )
            return session.exec(corrected).one()

    def spoken(self, owner: str) -> list[LabelledRecording]:
        """Return what the owner has put right in voice messages, the oldest first."""
        return [
            LabelledRecording(one.said, one.message.audio_name, one.message.seconds or 0.0)
            for one in self._corrections(owner)
            if one.said and one.message.audio_name and one.message.audio_type == WAV
        ]

    def open(self, spoken: LabelledRecording) -> BinaryIO:
        """Return the recording of what was said; raises FileNotFoundError when it is gone."""
        return self._recordings.open(spoken.recording)

    def export(self, owner: str, manifest: Manifest) -> Generator[bytes, None, int]:
        """Make a zip of the owner's corrections, piece by piece: the recordings below `audio/`, and `manifest.jsonl`.

        FunASR's lines have key, source, source_len (frames of 10 ms), target and target_len (characters), as its
        scp2jsonl writes them; NeMo's have audio_filepath, duration (seconds) and text. Messages whose recording is
        gone are left out. Returns how many there were. Raises StoreUnavailable.
        """
        lines: list[str] = []
        archive = ZipStream(ZIP_STORED)
        for correction in self._corrections(owner):
            message = correction.message
            if not message.audio_name or message.audio_type != WAV or not correction.said:
                continue
            name = f"audio/{message.id}.wav"
            with guarded():
                there = yield from archive.add_recording(name, self._recordings, message.audio_name)
            if there:
                lines.append(json.dumps(_entry(correction, name, manifest), ensure_ascii=False))
        yield from archive.add_text("manifest.jsonl", "".join(f"{line}\n" for line in lines))
        yield from archive.end()
        return len(lines)

    def _open(self, session: Session, owner: str, candidate_id: str) -> CandidateRecord:
        found = select(CandidateRecord).where(
            CandidateRecord.id == candidate_id, CandidateRecord.owner == owner, CandidateRecord.status == OPEN
        )
        candidate = session.exec(found).one_or_none()
        if candidate is None:
            raise CandidateUnknown("There is no such suggestion any more.")
        return candidate

    def _corrections(self, owner: str) -> Iterator[Correction]:
        with self._database.session() as session:
            rows = session.exec(
                select(Message, TranscriptRecord)
                .join(ConversationRecord, col(ConversationRecord.id) == Message.conversation_id)
                .join(TranscriptRecord, col(TranscriptRecord.message_id) == Message.id, isouter=True)
                .where(ConversationRecord.owner == owner, col(Message.heard).is_not(None))
                .order_by(col(Message.number))
            ).all()
        for message, record in rows:
            transcript = Transcript.from_dict(record.data) if record else Transcript((), 0.0)
            yield Correction(message, corrected_speech(transcript, message.text))


def _entry(correction: Correction, audio: str, manifest: Manifest) -> dict[str, str | int | float]:
    message, seconds = correction.message, correction.message.seconds or 0.0
    if manifest is Manifest.NEMO:
        return {"audio_filepath": audio, "duration": round(seconds, 3), "text": correction.said}
    return {
        "key": message.id,
        "source": audio,
        "source_len": round(seconds * 100),
        "target": correction.said,
        "target_len": len(correction.said),
    }
