"""The chat page."""

from app.ui.page import build_page, mount_page

__all__ = ["build_page", "mount_page"]
