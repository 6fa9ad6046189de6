"""A model on disk: its folder in FunASR's layout, opened as sessions of onnxruntime."""
