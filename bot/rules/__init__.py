"""The rules of the policy: each takes a turn in its context and answers it, or lets it pass (None)."""

from __future__ import annotations
