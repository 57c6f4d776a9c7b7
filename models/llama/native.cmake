# Read by CMake right after llama.cpp's project(): Plinth loads only libllama and libggml, so the
# "common" library, which the Python package would otherwise force on, is left out.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "llama: build common utils library" FORCE)
