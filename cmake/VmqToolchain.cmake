# Compiler, linker and sanitizer settings shared by every target, and the third-party packages (Debian 12 versions).
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(RocksDB 7.8 REQUIRED)

add_library(vmq_options INTERFACE)
target_include_directories(vmq_options INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
target_compile_options(vmq_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12 deprecates what its own stable_sort uses, and clang says so where ours calls it.
  target_compile_options(vmq_options INTERFACE -Wno-deprecated-declarations)
endif()
target_compile_definitions(vmq_options INTERFACE BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(vmq_options INTERFACE Threads::Threads)

if(VMQ_SANITIZE)
  target_compile_options(vmq_options INTERFACE -fsanitize=${VMQ_SANITIZE} -fno-sanitize-recover=all)
  # g++ 12 takes instrumented library code (std::regex, std::variant) for uninitialized reads; the
  # plain builds keep the warning.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(vmq_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_link_options(vmq_options INTERFACE -fsanitize=${VMQ_SANITIZE})
  if(VMQ_SANITIZE MATCHES "address")
    # At a fixed address nothing is relocated: a test program of 240 MB starts in half the time, 3,000 times per run.
    target_link_options(vmq_options INTERFACE -no-pie)
  endif()
  if(VMQ_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(vmq_options INTERFACE -Wno-tsan)  # Asio has a fence that g++ warns about
  endif()
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Relative to the project, so that every clone and worktree on a machine shares what one of them has compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  target_link_options(vmq_options INTERFACE -fuse-ld=mold)
endif()
