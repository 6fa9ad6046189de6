"""A small server that speaks the Hugging Face Hub's HTTP for uploads: what is committed, and what is stored as LFS."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request

MOST_IN_GIT = 10 * 2**20


class Hub:
    """One Space; `app` serves it."""

    def __init__(self, space: str) -> None:
        self.space = space
        self.url = ""  # where it is served, for the addresses in its answers
        self.created: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.stored: dict[str, bytes] = {}
        self.app = FastAPI()
        api = f"/api/spaces/{space}"
        self.app.post("/api/repos/create")(self._create)
        self.app.post("/api/validate-yaml")(lambda: {"errors": [], "warnings": []})
        self.app.get(f"{api}/tree/{{revision}}")(self._tree)
        self.app.post(f"{api}/preupload/{{revision}}")(self._preupload)
        self.app.post(f"/spaces/{space}.git/info/lfs/objects/batch")(self._batch)
        self.app.put("/lfs/{oid}")(self._store)
        self.app.post(f"{api}/commit/{{revision}}")(self._commit)

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Serve on a free port of the loopback, for as long as the context."""
        server = uvicorn.Server(uvicorn.Config(self.app, port=0, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline, "the hub did not start"
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield
        server.should_exit = True
        thread.join(10)

    async def _create(self, request: Request) -> dict[str, str]:
        if request.headers.get("authorization") != "Bearer hf_may_write":
            raise HTTPException(401)
        self.created = await request.json()
        return {"url": f"{self.url}/spaces/{self.space}"}

    def _tree(self) -> list[dict[str, Any]]:
        return [
            {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for path, data in self.files.items()
        ]

    async def _preupload(self, request: Request) -> dict[str, Any]:
        asked = (await request.json())["files"]
        return {
            "files": [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["size"] > MOST_IN_GIT else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for one in asked
            ]
        }

    async def _batch(self, request: Request) -> dict[str, Any]:
        asked = (await request.json())["objects"]
        return {
            "transfer": "basic",
            "objects": [
                {**one, "authenticated": True, "actions": {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}}
                for one in asked
            ],
        }

    async def _store(self, oid: str, request: Request) -> None:
        data = await request.body()
        if hashlib.sha256(data).hexdigest() != oid:
            raise HTTPException(400)
        self.stored[oid] = data

    async def _commit(self, request: Request) -> dict[str, str]:
        for line in (await request.body()).splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                content = base64.b64decode(value["content"])
                if len(content) > MOST_IN_GIT:
                    raise HTTPException(413, f"{value['path']} is too large for git")
                self.files[value["path"]] = content
            elif item["key"] == "lfsFile":
                self.files[value["path"]] = self.stored[value["oid"]]
            elif item["key"] == "deletedFile":
                del self.files[value["path"]]
        return {
            "commitUrl": f"{self.url}/spaces/{self.space}/commit/1", "commitOid": "1" * 40, "pullRequestUrl": "",
        }  # fmt: skip
