"""Logs, metrics and traces. Nothing that users say or write may enter."""
