# What a worker is built from, so that `benchctl python add` can build one for an interpreter that was not there before:
# share/benchd/src, in the build tree a link to the source tree, in an installed one a copy of these files. Two trees whose
# lib/benchd/worker.id is the same have workers of the same sources.
file(GLOB_RECURSE parts RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
     ${PROJECT_SOURCE_DIR}/daemon/base/*.[ch] ${PROJECT_SOURCE_DIR}/daemon/model/*.[ch]
     ${PROJECT_SOURCE_DIR}/include/*.h ${PROJECT_SOURCE_DIR}/workloads/*)
list(FILTER parts EXCLUDE REGEX "/__pycache__/|~$|\\.(pyc|orig|rej|swp)$")
list(SORT parts)
list(TRANSFORM parts PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
list(JOIN parts "\n" text)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/worker_sources.txt CONTENT "${text}\n" @ONLY)
set(id ${CMAKE_BINARY_DIR}/lib/benchd/worker.id)
if(NOT BENCHD_ONLY_WORKERS)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/benchd)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR} ${CMAKE_BINARY_DIR}/share/benchd/src SYMBOLIC)
endif()
if(BENCHD_WORKERS) # the tree they are borrowed from has the rest
  return()
endif()
add_custom_command(OUTPUT ${id}
  COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -DLIST=${CMAKE_BINARY_DIR}/worker_sources.txt -DOUT=${id}
          -P ${PROJECT_SOURCE_DIR}/cmake/hash_sources.cmake
  DEPENDS ${files} ${CMAKE_BINARY_DIR}/worker_sources.txt ${PROJECT_SOURCE_DIR}/cmake/hash_sources.cmake VERBATIM)
add_custom_target(worker-id ALL DEPENDS ${id})
install(FILES ${id} DESTINATION lib/benchd)
if(BENCHD_ONLY_WORKERS)
  return()
endif()

file(GLOB scripts RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/*)
foreach(part ${parts} ${scripts} CMakeLists.txt daemon/CMakeLists.txt LICENSE)
  get_filename_component(folder ${part} DIRECTORY)
  install(FILES ${part} DESTINATION ${CMAKE_INSTALL_DATADIR}/benchd/src/${folder})
endforeach()
