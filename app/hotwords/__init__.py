"""Hotword lists, the trial of a list on one recording, and what corrections teach."""
