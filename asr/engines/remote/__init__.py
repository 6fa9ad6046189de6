"""Recognition by another server that speaks FunASR's protocol."""
