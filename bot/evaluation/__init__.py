"""Measuring a bot: rehearsed dialogues, a simulated user, misheard text, timing."""
