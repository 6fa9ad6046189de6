"""The stages of a message, each called once, in this order; a typed message has no recognition.

    keep ──► recognise: decode → hotwords → Recognizer.transcribe ──► answer: Dialogue.respond → store

A stage works in one transaction and hands what it knows on in the Turn. Everything here blocks: `app.chat.queue` calls
it in threads.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from app.chat.protocols import Dialogue
from app.chat.turn import Turn
from app.chat.utterance import spoken
from app.errors import Detail, NoSpeech
from app.hotwords.lists import HotwordLists
from app.recognition.decoding import decode
from app.recognition.protocols import Recognizer
from app.storage.database import guarded
from app.storage.store import WAV, Store, Wav
from app.storage.tables import Message
from asr import AudioLimits, HotwordList, encode_wav
from asr.hotwords.list import EMPTY, parse
from bot import DialogueState, Utterance


class Pipeline:
    """The stages of all messages of one app; safe to share between threads."""

    def __init__(
        self,
        store: Store,
        hotword_lists: HotwordLists,
        recognizer: Recognizer,
        dialogue: Dialogue,
        limits: AudioLimits,
    ) -> None:
        """Keep messages in `store`, recognise them with `recognizer` within `limits`, answer them with `dialogue`."""
        self.store = store
        self.hotword_lists = hotword_lists
        self.recognizer = recognizer
        self.dialogue = dialogue
        self.limits = limits

    def keep(self, turn: Turn) -> tuple[Message, bool]:
        """Store the message of a turn; return it, and whether it was stored before under the same client id."""
        if turn.client_id and (known := self.store.sent_as(turn.conversation_id, turn.client_id)):
            return known, True
        return turn.store_message(turn), False

    def recognise(self, message: Message, turn: Turn) -> Message:
        """Decode and recognise a recording; return the message, which is now to be answered.

        Raises:
            AudioError: the recording cannot be decoded.
            TooMuchAudio: its sender has had all of this hour's.
            NoSpeech: nothing was understood in it.
            RecordingMissing, RecognitionFailed, ModelError, StoreUnavailable.
        """
        with guarded(), self.store.recording(message) as recording:
            data = recording.read()
        audio = turn.audio = turn.timed("decode", lambda: decode(data, turn.charge, limits=self.limits))
        hotwords = turn.timed("store", lambda: self._expect(turn))
        transcript = turn.transcript = turn.timed("recognise", lambda: self.recognizer.transcribe(audio, hotwords))
        if not transcript.text.strip():
            raise NoSpeech("Nothing was understood in the recording.", seconds=round(audio.seconds, 1))
        wav = self._wav(message, turn)
        return turn.timed("store", lambda: self.store.recognised(message, transcript, wav))

    def answer(self, message: Message, turn: Turn) -> list[Message]:
        """Answer a message that was recognised or typed; return it and the bot's messages after it.

        Raises BotError, StoreUnavailable.
        """
        transcript = turn.transcript
        if transcript is None and message.kind == "voice" and message.heard is None:  # it is tried again
            transcript = turn.timed("store", lambda: self.store.transcript(message))
        utterance = spoken(transcript) if transcript and message.heard is None else Utterance(message.text)
        state = turn.state or turn.timed("store", lambda: self.state(turn.conversation_id))
        reply = turn.timed("bot", lambda: self.dialogue.respond(utterance, state))
        return turn.timed("store", lambda: self.store.answered(message, reply))

    def fail(self, message: Message, turn: Turn, code: str, details: Mapping[str, Detail]) -> Message:
        """End a message that could not be recognised or answered; its recording stays, as WAV where it was decoded."""
        return self.store.failed(message, code, details, self._wav(message, turn))

    def state(self, conversation_id: str) -> DialogueState:
        """Return where the dialogue of a conversation stands."""
        return DialogueState.from_dict(self.store.state(conversation_id))

    def hotwords(
        self,
        owner: str,
        conversation_id: str,
        state: DialogueState,
        *,
        lists: Sequence[str] | None = None,
        request: HotwordList = EMPTY,
    ) -> HotwordList:
        """Return the words to recognise with in a conversation, among them, where it is wanted, what the bot expects.

        The bot's words narrow with what it has asked.
        """

        def lexicon() -> HotwordList:
            return parse(list(self.dialogue.lexicon(state))).hotwords

        return self.hotword_lists.in_use(owner, conversation_id, lists=lists, lexicon=lexicon, request=request)

    def _expect(self, turn: Turn) -> HotwordList:
        with self.store.database.session():
            turn.state = self.state(turn.conversation_id)
            return self.hotwords(turn.owner, turn.conversation_id, turn.state)

    def _wav(self, message: Message, turn: Turn) -> Wav | None:
        """Return the decoded recording, where what is stored is still the file as it was uploaded."""
        if turn.audio is None or message.audio_type in (None, WAV):
            return None
        return Wav(io.BytesIO(encode_wav(turn.audio)), turn.audio.seconds)
