# BENCHD_WORKERS: the workers, bindings, cases, suites and templates of another build tree appear in this one under the paths where
# programs look for them.
foreach(part lib/benchd share/benchd/suites share/benchd/templates share/benchd/suite.schema.json)
  if(NOT EXISTS ${BENCHD_WORKERS}/${part})
    message(FATAL_ERROR "BENCHD_WORKERS: ${BENCHD_WORKERS}/${part} does not exist; build that tree first")
  endif()
  get_filename_component(folder ${CMAKE_BINARY_DIR}/${part} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  file(CREATE_LINK ${BENCHD_WORKERS}/${part} ${CMAKE_BINARY_DIR}/${part} SYMBOLIC)
endforeach()
