"""The generator over llama.cpp's low-level API, in a process of its own."""
