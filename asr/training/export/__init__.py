"""From trained weights to int8 ONNX files that are verified before they are published."""
