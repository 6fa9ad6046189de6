"""The application: all that a browser or a client can see."""

VERSION = "0.1.0"
"""The release, as in pyproject.toml and CHANGELOG.md."""
