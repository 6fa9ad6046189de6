"""FunASR's own training behind the same steps."""
