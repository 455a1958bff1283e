"""Networks in a page of a browser, ours and onnxruntime-web's side by side."""
