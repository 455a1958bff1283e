"""What executes graphs: onnxruntime, and machine code made from a file."""
