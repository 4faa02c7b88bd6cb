set(BD_TEST_DIR ${PROJECT_SOURCE_DIR}/tests)
# A sanitizer's report fails the test during which it came, whichever process wrote it.
set(BD_TEST_LAUNCHER "")
set(BD_TEST_PATIENCE 1) # times as long
if(BENCHD_SANITIZE)
  set(BD_TEST_PATIENCE 4)
  set(BD_TEST_LAUNCHER /usr/bin/python3 ${BD_TEST_DIR}/sanitize/watch.py)
endif()

# bd_unit_test(NAME SOURCES file… USES module…): a C program of tests/bd_test.h; ctest name unit.NAME.
function(bd_unit_test name)
  cmake_parse_arguments(T "" "" "SOURCES;USES;LIBS" ${ARGN})
  string(REPLACE "." "_" target "unit_${name}")
  add_executable(${target} ${T_SOURCES})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${target} PRIVATE ${BD_TEST_DIR})
  bd_use_modules(${target} ${T_USES} base)
  target_link_libraries(${target} PRIVATE ${T_LIBS} bd::threads m)
  target_compile_definitions(${target} PRIVATE BD_TEST_PATIENCE=${BD_TEST_PATIENCE})
  math(EXPR timeout "120 * ${BD_TEST_PATIENCE}")
  add_test(NAME unit.${name} COMMAND ${BD_TEST_LAUNCHER} $<TARGET_FILE:${target}>)
  set_tests_properties(unit.${name} PROPERTIES SKIP_RETURN_CODE 125 TIMEOUT ${timeout})
endfunction()

# bd_python_test(NAME FILE file.py [TIMEOUT s] [SERIAL]): a Python unittest file run by tests/run_python.py with
# BENCHD_BUILD naming the build tree. SERIAL: not beside other tests (it measures or traces).
function(bd_python_test name)
  cmake_parse_arguments(T "SERIAL" "FILE;TIMEOUT" "" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  math(EXPR T_TIMEOUT "${T_TIMEOUT} * ${BD_TEST_PATIENCE}")
  add_test(NAME ${name} COMMAND ${BD_TEST_LAUNCHER} /usr/bin/python3 ${BD_TEST_DIR}/run_python.py ${CMAKE_CURRENT_SOURCE_DIR}/${T_FILE})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 125 TIMEOUT ${T_TIMEOUT}
    ENVIRONMENT "BENCHD_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;PYTHONPATH=${BD_TEST_DIR}")
  if(T_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
