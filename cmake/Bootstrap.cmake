# BOOTSTRAP: only until every folder exists
macro(add_subdirectory dir)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/CMakeLists.txt)
    _add_subdirectory(${dir})
  else()
    message(STATUS "not yet: folder ${dir}")
  endif()
endmacro()
