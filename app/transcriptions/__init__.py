"""Transcription jobs for recordings of any length, stored segment by segment."""
