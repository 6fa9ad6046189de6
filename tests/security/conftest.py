"""The servers of tests/integration, for those who mean them harm."""

from tests.integration.conftest import _quiet, chat, own_chat, serve, settings, shared_server

__all__ = ["_quiet", "chat", "own_chat", "serve", "settings", "shared_server"]
