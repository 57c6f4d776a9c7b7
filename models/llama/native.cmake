# Read by CMake right after llama.cpp's project(): Plinth loads only libllama and libggml, so the
# "common" library, which the Python package would otherwise force on, is left out.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "llama: build common utils library" FORCE)

# GCC before 14 thinks that _tile_loadconfig reads 8 bytes of the 64 it does read, and drops the
# stores to the others: on a processor with AMX the first matrix product is then an illegal
# instruction. This says how much is read; other compilers and processors notice nothing of it.
file(WRITE "${CMAKE_BINARY_DIR}/whole_tile_config.h" [=[
#ifdef __AMX_TILE__
#include <immintrin.h>
#define _tile_loadconfig(config) \
    __asm__ volatile("ldtilecfg %0" : : "m"(*(const char(*)[64])(config)))
#endif
]=])
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(
        "$<$<COMPILE_LANGUAGE:C,CXX>:SHELL:-include ${CMAKE_BINARY_DIR}/whole_tile_config.h>")
endif()
