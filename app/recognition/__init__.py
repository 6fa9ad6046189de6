"""The running recogniser: the model in use, its threads with lanes, live sessions, whole files."""
