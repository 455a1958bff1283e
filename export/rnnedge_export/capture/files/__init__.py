"""What frameworks write into ONNX files, brought to the form that the passes read; one habit of theirs per module."""
