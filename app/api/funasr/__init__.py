"""FunASR's WebSocket protocol, on the app's port and on one of its own."""
