"""Voice activity: where speech begins and ends, and where long speech may be cut."""
