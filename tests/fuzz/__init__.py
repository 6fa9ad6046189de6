"""Made-up requests and messages, sent to the real app until something breaks: `python -m tests.fuzz --minutes 30`.

What is sent follows from a seed and the number of the step: `--seed S --first N --steps 1` sends one of them again.
"""
