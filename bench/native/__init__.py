"""The native engine measured beside a hand-written limit, onnxruntime and peers."""
