"""The rules of the policy: each takes a turn on its course and answers it, or lets it pass (None)."""

from __future__ import annotations
