# BENCHD_SANITIZE: what the whole tree is compiled and linked with. Only programs of this project are instrumented, so
# the worker is not: it embeds libpython and runs with other allocators preloaded, and a sanitizer is an allocator of its
# own (the checks of the worker rightly refuse such a process). A sanitized tree therefore takes the workers of another
# one, BENCHD_WORKERS, and its daemon drives those.
if(NOT BENCHD_SANITIZE)
  return()
endif()
set(BD_SANITIZERS_address address,undefined)
set(BD_SANITIZERS_thread thread)
set(BD_SANITIZERS_fuzz fuzzer-no-link,address,undefined)
if(NOT DEFINED BD_SANITIZERS_${BENCHD_SANITIZE})
  message(FATAL_ERROR "BENCHD_SANITIZE is '${BENCHD_SANITIZE}': address, thread or fuzz")
endif()
if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "BENCHD_SANITIZE needs clang: -DCMAKE_C_COMPILER=clang")
endif()
if(NOT BENCHD_WORKERS)
  message(FATAL_ERROR "BENCHD_SANITIZE needs BENCHD_WORKERS, a build tree without a sanitizer")
endif()
# Nothing is recovered from: a report ends the program, or (races, leaks) its exit status.
add_compile_options(-fsanitize=${BD_SANITIZERS_${BENCHD_SANITIZE}} -fno-sanitize-recover=all -fno-omit-frame-pointer)
add_link_options(-fsanitize=${BD_SANITIZERS_${BENCHD_SANITIZE}} -fno-sanitize-recover=all)
# What clang counts to -Wconversion and -Wformat=2 and gcc does not; the house's warnings are gcc's.
add_compile_options(-Wno-sign-conversion -Wno-format-nonliteral)
