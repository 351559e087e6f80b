# Groups of programs: `cmake --build --preset PRESET --target GROUP`.
add_custom_target(vmq_benches)  # every *_bench
add_custom_target(vmq_fuzzers)  # every *_fuzz
add_custom_target(vmq_headers)  # every header of src/ compiled alone
add_custom_target(vmq_shards)  # what the tests labelled shards need; ./dev test runs these under ThreadSanitizer
add_custom_target(vmq_generated)  # generated sources, which clang-tidy needs

# Folders whose tests start threads: their tests are labelled shards.
set(VMQ_FOLDERS_WITH_THREADS logging routing runtime transport cluster_link broker admin admin_query plugin_acl plugin_native plugin_passwd)

# vmq_library(NAME [DEPS lib...] [TEST_DEPS lib...] [TEST_ENVIRONMENT NAME=VALUE]): one folder is one library. Its x.cc
# files are the library, its x_test.cc files the test program vmq_NAME_test, x_bench.cc the benchmark vmq_NAME_bench, and
# each x_fuzz.cc a fuzz target of its own, so a file that stands in the folder is built and a test cannot be forgotten.
# Where a folder is two libraries, ONLY and EXCEPT with the same regular expression say which files (by name, with their
# tests) are whose.
function(vmq_library name)
  cmake_parse_arguments(arg "" "TEST_ENVIRONMENT;ONLY;EXCEPT" "DEPS;TEST_DEPS" ${ARGN})
  vmq_folder_files(sources "*.cc" "${arg_ONLY}" "${arg_EXCEPT}")
  set(tests ${sources})
  set(benches ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")
  if(sources)
    add_library(vmq_${name} STATIC ${sources})
    target_link_libraries(vmq_${name} PUBLIC vmq_options ${arg_DEPS})
    vmq_together(vmq_${name})
  else()
    add_library(vmq_${name} INTERFACE)
    target_link_libraries(vmq_${name} INTERFACE vmq_options ${arg_DEPS})
  endif()
  vmq_headers_alone(${name} "${arg_ONLY}" "${arg_EXCEPT}")
  if(VMQ_TESTS AND tests)
    set(labels unit)
    if(name IN_LIST VMQ_FOLDERS_WITH_THREADS)
      set(labels shards)
    endif()
    vmq_test(vmq_${name}_test SOURCES ${tests} DEPS vmq_${name} ${arg_TEST_DEPS} LABEL ${labels}
      ENVIRONMENT ${arg_TEST_ENVIRONMENT})
  endif()
  if(VMQ_BENCH AND benches)
    find_package(benchmark REQUIRED)
    add_executable(vmq_${name}_bench ${benches})
    target_include_directories(vmq_${name}_bench PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(vmq_${name}_bench PRIVATE vmq_${name} ${arg_TEST_DEPS} benchmark::benchmark_main)
    add_dependencies(vmq_benches vmq_${name}_bench)
  endif()
  if(VMQ_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(target ${source} NAME_WE)
      vmq_fuzzer(${target} SOURCES ${source} DEPS vmq_${name} ${arg_TEST_DEPS})
    endforeach()
  endif()
endfunction()

# vmq_together(TARGET): where VMQ_TOGETHER is set the compiler reads up to 24 files of the target at once (a unity
# build): most of what it does for one is to read the headers that all of them share. So names without linkage must be
# unique in the folder. Not in the dev preset: there one changed file is one file to compile. See ADR 6.
function(vmq_together target)
  if(VMQ_TOGETHER)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 24)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # It takes a file that another one includes for a header, where types in unnamed namespaces may not be members.
      target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
    endif()
  endif()
endfunction()

# The files of the current folder with that pattern, whole paths; `only` and `except` as in vmq_library.
function(vmq_folder_files result pattern only except)
  set(files)
  file(GLOB found CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${pattern})
  if(only)
    list(FILTER found INCLUDE REGEX "${only}")
  endif()
  if(except)
    list(FILTER found EXCLUDE REGEX "${except}")
  endif()
  list(TRANSFORM found PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# Compiles each header of a library as a source of its own, as part of the target vmq_headers only.
function(vmq_headers_alone name only except)
  set(sources)
  vmq_folder_files(found "*.h" "${only}" "${except}")
  set(headers)
  foreach(header ${found})
    file(RELATIVE_PATH header ${CMAKE_SOURCE_DIR}/src ${header})
    list(APPEND headers ${header})
  endforeach()
  foreach(header ${headers})
    set(source ${CMAKE_BINARY_DIR}/headers/${header}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n" @ONLY)
    list(APPEND sources ${source})
  endforeach()
  if(sources)
    add_library(vmq_${name}_headers OBJECT EXCLUDE_FROM_ALL ${sources})
    target_link_libraries(vmq_${name}_headers PRIVATE vmq_${name})
    add_dependencies(vmq_headers vmq_${name}_headers)
  endif()
endfunction()

# vmq_test(NAME SOURCES ... DEPS ... [LABEL unit|shards|...] [ENVIRONMENT NAME=VALUE]): a GoogleTest program; every case
# in it is a ctest of its own. Tests labelled shards also run under ThreadSanitizer.
function(vmq_test name)
  cmake_parse_arguments(arg "" "LABEL;ENVIRONMENT" "SOURCES;DEPS" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
  vmq_together(${name})
  if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    # Tests themselves need not be fast. At -O2 g++ 12 sees overlaps in additions of strings that are none.
    target_compile_options(${name} PRIVATE -O1)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS ${arg_LABEL}
    ENVIRONMENT "${arg_ENVIRONMENT}")
  if(arg_LABEL STREQUAL "shards")
    add_dependencies(vmq_shards ${name})
  endif()
endfunction()

# vmq_fuzzer(NAME SOURCES ... DEPS ...): a libFuzzer program, and a ctest that runs it for a few seconds. Seeds in
# tests/fuzz/seeds/NAME; what it finds goes to the build folder.
set(VMQ_FUZZ_SECONDS 3 CACHE STRING "How long each fuzz target runs as a ctest")
function(vmq_fuzzer name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(vmq_fuzzers ${name})
  set(corpora ${CMAKE_BINARY_DIR}/corpus/${name})
  file(MAKE_DIRECTORY ${corpora})
  if(EXISTS ${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${name})
    list(APPEND corpora ${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${name})
  endif()
  add_test(NAME ${name} COMMAND ${name} -max_total_time=${VMQ_FUZZ_SECONDS} -artifact_prefix=${CMAKE_BINARY_DIR}/${name}-
    ${corpora})
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()

# vmq_scenarios(PREFIX SCRIPT NAME... [LABELS ...] [TIMEOUT seconds] [ALONE]): scenarios of a Python script that starts
# the broker, each a ctest PREFIX.NAME. ALONE: measures times, so nothing else may run besides.
function(vmq_scenarios prefix script)
  cmake_parse_arguments(arg "ALONE" "TIMEOUT" "LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(VMQ_SANITIZE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 6")
  endif()
  if(shards IN_LIST arg_LABELS)
    add_dependencies(vmq_shards vernemq vmq-admin vmq_example_tenant_guard)
  endif()
  foreach(name ${arg_UNPARSED_ARGUMENTS})
    add_test(NAME ${prefix}.${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/${script}
      --broker $<TARGET_FILE:vernemq> ${name})
    set_tests_properties(${prefix}.${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
      ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;VMQ_SANITIZE=${VMQ_SANITIZE}")
    if(arg_ALONE)
      set_tests_properties(${prefix}.${name} PROPERTIES RUN_SERIAL ON)
    endif()
  endforeach()
endfunction()
