"""What a bot can talk about: the YAML files, the checked model of a domain, and its reader."""

from __future__ import annotations

from pathlib import Path

CITIES = Path(__file__).with_name("cities.txt")
"""The cities of China that trains go to, for slots of type place."""
