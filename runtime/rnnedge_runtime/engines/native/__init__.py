"""The native engine: the step of a file as machine code in a shared library, called through ctypes.

- `open.py`: `open_native`: from a file to an engine that has replayed its golden sample
- `find.py`: which library: named, next to the model, in the cache, or built
- `cache.py`: the folder of libraries that this machine built, and their list
- `library.py`: a library opened, and compared with the file it was made from
- `abi.py`: the C structs that both sides share
- `signature.py`: what an ONNX file says of itself, read without onnxruntime
- `engine.py`: the engine behind the seam
- `structs.py`: the memory of streams: the states live in it
- `ports.py`: where each step finds its frames in a binding's arrays
"""
