"""Paraformer on onnxruntime, offline and streaming."""
