"""The MCP server, asked by the mcp package's own client over streamable HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from app.access.credentials import ApiKeys
from app.access.person import SCOPES
from app.factory import build
from app.settings import Settings
from app.storage.database import open_database
from asr import Recognizer
from tests.integration.conftest import start_server

ROOT = Path(__file__).parents[2]


class Server:
    """An app with logins, and keys of two people and of one who may only transcribe."""

    def __init__(self, client: httpx.Client, settings: Settings) -> None:
        keys = ApiKeys(open_database(settings.data_dir))
        now = datetime.now(UTC)
        self.client = client
        scopes = {"anna": SCOPES, "bert": SCOPES, "carl": {"transcribe"}}
        self.keys = {name: keys.add(name, name, scopes[name], now) for name in scopes}

    @asynccontextmanager
    async def session(self, name: str) -> AsyncIterator[ClientSession]:
        headers = {"Authorization": f"Bearer {self.keys[name]}"}
        url = f"{self.client.base_url}/gradio_api/mcp/"
        async with (
            streamablehttp_client(url, headers=headers) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session

    def post(self, body: object, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.keys['anna']}", "Accept": "application/json, text/event-stream"}
        return self.client.post("/gradio_api/mcp", json=body, headers=sent | headers)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, embedded: Recognizer) -> Iterator[Server]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("mcp"), user_header="Remote-User", lm_workers=0,
                        trusted_proxies=frozenset({"10.0.0.1"}))  # fmt: skip
    client, stop = start_server(build(settings, recognizer=embedded))
    yield Server(client, settings)
    stop()


def encoded(name: str) -> str:
    return base64.b64encode((ROOT / "assets" / "examples" / f"{name}.ogg").read_bytes()).decode()


async def called(session: ClientSession, tool: str, **arguments: Any) -> Any:
    result = await session.call_tool(tool, arguments)
    text = result.content[0].text  # type: ignore[union-attr]
    assert not result.isError, text
    return json.loads(text)


async def test_the_tools_are_transcribe_and_chat_and_say_what_they_take(server: Server) -> None:
    async with server.session("anna") as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert set(tools) == {"transcribe", "chat"}
        for tool in tools.values():
            assert tool.description
            for name, schema in tool.inputSchema["properties"].items():
                assert schema["type"] == "string", name
                assert schema["description"], name
        assert tools["transcribe"].inputSchema["required"] == ["audio"]


async def test_a_recording_is_transcribed_and_talked_about(server: Server) -> None:
    async with server.session("anna") as session:
        heard = await called(session, "transcribe", audio=encoded("department"))
        assert "消化内科" in heard["text"]
        assert heard["segments"][0]["end"] <= heard["seconds"]
        asked = await called(session, "chat", text="我要挂号")
        told = await called(
            session, "chat", audio=f"data:audio/ogg;base64,{encoded('department')}", conversation=asked["conversation"]
        )
        assert "消化内科" in told["transcript"]
        assert told["replies"]


async def test_a_tool_is_anothers_no_more_than_an_endpoint_is(server: Server) -> None:
    async with server.session("anna") as anna, server.session("bert") as bert, server.session("carl") as carl:
        asked = await called(anna, "chat", text="我要挂号")
        stolen = await bert.call_tool("chat", {"text": "你好", "conversation": asked["conversation"]})
        assert stolen.isError
        assert (await carl.call_tool("chat", {"text": "你好"})).isError
        assert await called(carl, "transcribe", audio=encoded("department"))


@pytest.mark.parametrize(
    "audio",
    ["/etc/passwd", "http://127.0.0.1:1/a.wav", "file:///etc/passwd", "upload/x", "data:,x", "", "啊", "=",
     {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, ["/etc/passwd"], None, 7],
    ids=range(12),
)  # fmt: skip
async def test_no_recording_is_read_from_the_server_or_fetched(server: Server, audio: object) -> None:
    async with server.session("anna") as session:
        result = await session.call_tool("transcribe", {"audio": audio})
        assert result.isError
        assert "root:" not in str(result.content)


async def test_only_the_tools_can_be_called(server: Server) -> None:
    async with server.session("anna") as session:
        for name in ("hotwords_set", "mcp_chat", "/chat", "conversations", ""):
            assert (await session.call_tool(name, {})).isError, name


def test_without_a_key_nothing_is_told(server: Server) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert server.client.post("/gradio_api/mcp", json=body).status_code == 401
    assert server.post(body, Authorization="Bearer wrong").status_code == 401
    assert server.client.get("/gradio_api/mcp/sse").status_code == 401


@pytest.mark.parametrize("method", ["resources/read", "prompts/get", "completion/complete", "logging/setLevel", "", 7])
def test_what_would_have_the_server_call_another_host_is_refused(server: Server, method: object) -> None:
    # Gradio would ask the host of this header for the resource.
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"uri": "file:///etc/passwd"}}
    assert server.post(body, Host="127.0.0.1:1").status_code == 422
    assert server.post([body]).status_code == 422
