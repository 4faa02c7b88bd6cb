# Libraries from the distribution, each as one imported target bd::NAME. A missing one stops the configure
# step with the package to install; optional parts are switched off in the folder that needs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(LIBBPF IMPORTED_TARGET libbpf)
find_path(CIVETWEB_INCLUDE civetweb.h REQUIRED)
find_library(CIVETWEB_LIBRARY civetweb REQUIRED)
add_library(bd_civetweb INTERFACE)
target_link_libraries(bd_civetweb INTERFACE ${CIVETWEB_LIBRARY})
target_include_directories(bd_civetweb SYSTEM INTERFACE ${CIVETWEB_INCLUDE})
add_library(bd::cjson ALIAS PkgConfig::CJSON)
add_library(bd::sqlite ALIAS PkgConfig::SQLITE)
add_library(bd::curl ALIAS PkgConfig::CURL)
add_library(bd::civetweb ALIAS bd_civetweb)
add_library(bd::threads ALIAS Threads::Threads)

# Reasons for parts that are switched off; printed by Summary.cmake and shown by `benchctl doctor`.
set_property(GLOBAL PROPERTY BD_OFF "")
function(bd_off part reason)
  set_property(GLOBAL APPEND PROPERTY BD_OFF "${part}: ${reason}")
endfunction()
