# bd_register(KIND DIR HEADER TYPE OUT file  NAMES name…)
#
# Writes a registry table: for every name an `extern const struct TYPE bd_KIND_NAME;` and one row, with a length
# and never a NULL end row. A listed name without a file, and a file nobody listed, stop the configure step
# (linker-section registries lose entries silently from static libraries).
function(bd_register kind)
  cmake_parse_arguments(R "" "DIR;HEADER;TYPE;OUT" "NAMES" ${ARGN})
  file(GLOB found CONFIGURE_DEPENDS RELATIVE ${R_DIR} ${R_DIR}/*.c)
  list(TRANSFORM found REPLACE "\\.c$" "")
  foreach(n ${R_NAMES})
    if(NOT n IN_LIST found)
      message(FATAL_ERROR "${kind}: '${n}' is listed but ${R_DIR}/${n}.c does not exist")
    endif()
  endforeach()
  foreach(f ${found})
    if(NOT f IN_LIST R_NAMES)
      message(FATAL_ERROR "${kind}: ${R_DIR}/${f}.c exists but '${f}' is not in the list beside it")
    endif()
  endforeach()
  set(decls "")
  set(rows "")
  foreach(n ${R_NAMES})
    string(MAKE_C_IDENTIFIER ${n} id)
    string(APPEND decls "extern const struct ${R_TYPE} bd_${kind}_${id};\n")
    string(APPEND rows "\t&bd_${kind}_${id},\n")
  endforeach()
  list(LENGTH R_NAMES len)
  file(CONFIGURE OUTPUT ${R_OUT} CONTENT
"/* written by cmake/BdRegister.cmake from the list beside the files */
#include \"${R_HEADER}\"
${decls}
const struct ${R_TYPE} *const bd_${kind}_table[] = {
${rows}};
const size_t bd_${kind}_table_len = ${len};
" @ONLY)
endfunction()
