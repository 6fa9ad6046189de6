"""A port of its own for FunASR's clients, which expect nothing else there and ask for any path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from app.access.authentication import is_loopback
from app.api.funasr import routes as funasr
from app.api.middleware.gate import Gate
from app.api.middleware.protection import Origins
from app.errors import PortUnavailable
from app.services import Services
from app.serving import server_options

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """A server beside another one, which is the one that hears the signals to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def funasr_port(services: Services) -> AsyncIterator[int | None]:
    """Serve the protocol at TINGSHUO_FUNASR_PORT while the context lasts; gives the port, None when none is set.

    On localhost FunASR's html5 client may open it from a file or from any page. Elsewhere a browser has to say that its
    page comes from the same host, or from one of TINGSHUO_ALLOWED_ORIGINS ("null" is that of a file).

    Raises PortUnavailable: the port is taken, or the certificate cannot be read.
    """
    settings = services.settings
    if settings.funasr_port is None:
        yield None
        return
    app = FastAPI(openapi_url=None)
    app.state.services = services
    app.include_router(funasr.router)
    app.add_api_websocket_route("/{path:path}", funasr.funasr)
    app.add_middleware(Gate, settings=settings, needs=frozenset({"transcribe"}))
    if not is_loopback(settings.host):
        app.add_middleware(Origins, settings=settings)
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.funasr_port,
            ssl_certfile=settings.funasr_certificate,
            ssl_keyfile=settings.funasr_key,
            lifespan="off",
            ws_ping_interval=None,  # clients in other languages do not all answer; who is silent is let go by itself
            **server_options(settings),
        )
    )
    serving = asyncio.create_task(_serve(server))
    while not server.started:
        if serving.done():
            await serving
            raise PortUnavailable(f"Port {settings.funasr_port} cannot be opened.", port=settings.funasr_port)
        await asyncio.sleep(0.01)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    log.info("FunASR clients welcome", port=port, tls=settings.funasr_certificate is not None)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


async def _serve(server: _Server) -> None:
    try:
        await server.serve()
    except (OSError, SystemExit) as error:  # uvicorn exits where a port is taken
        raise PortUnavailable(
            f"The port for FunASR clients cannot be opened: {error}", port=server.config.port
        ) from error
