"""The history of the tables, one step a file in versions/. `python -m app migrate` goes through them."""
