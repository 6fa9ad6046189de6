"""The tools of the MCP server at /gradio_api/mcp: transcribe and chat, for assistants that call programs.

Two things differ from the endpoints of app.ui.endpoints. A tool takes its recording as text, because hosts of MCP do
not upload. And it is called in the request that asked for it, not through Gradio's queue: for that, Gradio's MCP server
would call this server as a client that nobody has logged in.

As in app.ui.endpoints, annotations have to be read by Gradio and are not imported from __future__.
"""

import base64
import binascii
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
from gradio.events import api

from app.errors import FieldInvalid
from app.ui.caller import Caller
from app.ui.endpoints import Endpoints
from app.ui.files import Upload

PREFIX = "mcp_"  # of the names by which Gradio knows the tools beside the endpoints


class Tools:
    """The functions behind the tools."""

    def __init__(self, endpoints: Endpoints) -> None:
        """Do what `endpoints` do."""
        self._endpoints = endpoints

    async def transcribe(
        self,
        audio: str,
        hotwords: str = "",
        request: gr.Request = None,  # type: ignore[assignment] # Gradio gives it
    ) -> str:
        """Write down what is said in a recording in Mandarin Chinese. Returns JSON: text, seconds, segments with times.

        Args:
            audio: the recording in base64 (wav, mp3, m4a, ogg, opus, flac, webm, amr), or the path that POST /gradio_api/upload answered with.
            hotwords: names and terms to expect, with spaces or new lines between them.
        """  # noqa: E501 -- Gradio reads one line for each
        caller = Caller.of(request)
        with self._endpoints.allowed(caller, "transcribe"), self._upload(caller, audio) as upload:
            heard = await self._endpoints.transcribed(caller, upload.file, hotwords, True, True, "mix")
            segments = [{name: one[name] for name in ("text", "start", "end")} for one in heard["segments"]]
            return _json({"text": heard["text"], "seconds": heard["seconds"], "segments": segments})

    async def chat(
        self,
        text: str = "",
        audio: str = "",
        conversation: str = "",
        domain: str = "",
        request: gr.Request = None,  # type: ignore[assignment] # Gradio gives it
    ) -> str:
        """Say something in Chinese to the bot, which books appointments, tables and tickets. Returns JSON: conversation, transcript, replies.

        Args:
            text: what to say; with neither text nor audio the bot greets.
            audio: or a recording of it in base64, or the path that POST /gradio_api/upload answered with.
            conversation: the conversation of the last answer, to go on with it; empty begins a new one.
            domain: the bot of a new conversation, for example clinic; empty for the default.
        """  # noqa: E501 -- Gradio reads one line for each
        caller = Caller.of(request)
        with self._endpoints.allowed(caller, "chat"):
            if not audio:
                return _json(await self._endpoints.talked(caller, text, None, conversation, domain))
            with self._upload(caller, audio) as upload:
                return _json(await self._endpoints.talked(caller, text, upload, conversation, domain))

    @contextmanager
    def _upload(self, caller: Caller, audio: str) -> Iterator[Upload]:
        """Give the file that `audio` names or holds, for as long as the context; raises FileUnknown, FieldInvalid."""
        if audio.startswith("upload/"):
            yield self._endpoints.uploads.find(caller.person.id, audio)
            return
        encoded = audio.partition(",")[2] if audio.startswith("data:") else audio
        try:
            data = base64.b64decode("".join(encoded.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise FieldInvalid("audio must be base64.", field="audio", allowed="base64") from error
        with tempfile.NamedTemporaryFile(prefix="tingshuo-") as file:
            file.write(data)
            file.flush()
            yield Upload(caller.person.id, "audio", Path(file.name), len(data), 0.0)


def register(endpoints: Endpoints) -> None:
    """Make the tools known to the gr.Blocks that is being built, beside its endpoints and not listed with them."""
    tools = Tools(endpoints)
    for call in (tools.transcribe, tools.chat):
        api(call, api_name=PREFIX + call.__name__, api_visibility="undocumented", queue=False)


def offer(page: gr.Blocks) -> None:
    """Have the MCP server of `page`, which is mounted, offer the tools and nothing else."""
    server = page.mcp_server_obj
    assert server is not None, page.mcp_error
    server.api_info = page.get_api_info(all_endpoints=True)
    server.tool_to_endpoint = {
        server.tool_prefix + name.removeprefix(f"/{PREFIX}"): name
        for name in server.api_info["named_endpoints"]
        if name.startswith(f"/{PREFIX}")
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
