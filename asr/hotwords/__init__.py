"""Hotword lists: reading, checking and editing them, and suggestions from corrections."""
