"""The page, the endpoints for its clients, the tools of MCP. Requests enter by the filter."""

from app.ui.page import mount_page

__all__ = ["mount_page"]
