"""The recipe that makes the embedded models, from a speech corpus to the shipped ONNX files."""
