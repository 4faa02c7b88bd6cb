# The dashboard: what npm brings goes into the build tree, once per lock file; then bd_web_assets packs web/ and that
# into a C file of benchd. Without npm, or when npm cannot get the packages, the dashboard is off with the reason and
# everything else is whole.
include(GNUInstallDirs)
set(BD_WEB_SOURCE ${PROJECT_SOURCE_DIR}/web)
set(BD_WEB_BUILT ${CMAKE_BINARY_DIR}/web)
set(BD_WEB_OFF "")

# Files from packages that the pages use: NAME in vendor/ = path below node_modules.
set(BD_WEB_VENDOR
  preact.js=htm/preact/standalone.module.js
  uplot.js=uplot/dist/uPlot.esm.js
  uplot.css=uplot/dist/uPlot.min.css)
# Their terms: they accompany every copy, in the dashboard, in the page of a run and in an installation. The package htm
# contains Preact without its own.
set(BD_WEB_LICENSES
  htm=${BD_WEB_BUILT}/node_modules/htm/LICENSE
  Preact=${BD_WEB_SOURCE}/licenses/preact.txt
  uPlot=${BD_WEB_BUILT}/node_modules/uplot/LICENSE)

find_program(BD_NPM npm)

# Of what is needed from packages, the first file that is not there, or "".
function(bd_web_lack out)
  set(needed @esbuild/linux-x64/bin/esbuild ${BD_WEB_VENDOR})
  list(TRANSFORM needed REPLACE "^[^=]+=" "")
  set(${out} "" PARENT_SCOPE)
  foreach(f ${needed})
    if(NOT EXISTS ${BD_WEB_BUILT}/node_modules/${f})
      set(${out} ${f} PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

function(bd_web_install)
  if(NOT BD_NPM)
    set(BD_WEB_OFF "npm is missing (sudo apt-get install npm, then build again)" PARENT_SCOPE)
    return()
  endif()
  set(inputs ${BD_WEB_SOURCE}/package.json ${BD_WEB_SOURCE}/package-lock.json)
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${inputs})
  set(want "")
  foreach(f ${inputs})
    file(SHA256 ${f} hash)
    string(APPEND want "${hash}\n")
  endforeach()
  set(stamp ${BD_WEB_BUILT}/installed)
  if(EXISTS ${stamp})
    file(READ ${stamp} have)
    bd_web_lack(lack)
    if(have STREQUAL want AND lack STREQUAL "")
      return()
    endif()
    file(REMOVE ${stamp})
  endif()
  file(COPY ${inputs} DESTINATION ${BD_WEB_BUILT})
  message(STATUS "dashboard: npm ci")
  execute_process(
    # include: whatever the caller's NODE_ENV and .npmrc leave out
    COMMAND ${BD_NPM} ci --include=dev --include=optional --ignore-scripts --no-audit --no-fund --no-progress --prefer-offline --fetch-retries=1
            --fetch-timeout=30000
    WORKING_DIRECTORY ${BD_WEB_BUILT} TIMEOUT 300 RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE output)
  if(status EQUAL 0)
    bd_web_lack(lack)
    if(lack STREQUAL "")
      file(WRITE ${stamp} "${want}")
      return()
    endif()
    set(output "npm error it brought no ${lack}")
  endif()
  # npm says much; what it found is in the first line that is an error and no code
  string(REPLACE ";" "," output "${output}")
  string(REGEX MATCHALL "npm (ERR!|error) [^\n]+" lines "${output}")
  list(FILTER lines EXCLUDE REGEX "^npm (ERR!|error) (code|errno|syscall|A complete log) ?")
  set(why "${status}")
  if(lines)
    list(GET lines 0 why)
    string(REGEX REPLACE "^npm (ERR!|error) " "" why "${why}")
  endif()
  string(REGEX REPLACE "[\"\\\\\r\n]" " " why "${why}")
  set(BD_WEB_OFF "npm ci failed: ${why} (build again when the package registry can be reached)" PARENT_SCOPE)
endfunction()

bd_web_install()
if(BD_WEB_OFF)
  bd_off(dashboard "${BD_WEB_OFF}")
endif()

# bd_web_assets(OUT): the C file with every asset, made anew when anything in web/ changes. Sets OUT to its path.
function(bd_web_assets out)
  set(file ${BD_WEB_BUILT}/assets.c)
  set(pack ${PROJECT_SOURCE_DIR}/cmake/pack_assets.py)
  if(BD_WEB_OFF)
    set(arguments --off "${BD_WEB_OFF}")
    set(files "")
  else()
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${BD_WEB_SOURCE}/*.html ${BD_WEB_SOURCE}/*.css ${BD_WEB_SOURCE}/*.js
         ${BD_WEB_SOURCE}/*.svg)
    set(arguments --web ${BD_WEB_SOURCE} --modules ${BD_WEB_BUILT}/node_modules --stage ${BD_WEB_BUILT}/stage
        --vendor ${BD_WEB_VENDOR} --licenses ${BD_WEB_LICENSES})
    list(APPEND files ${BD_WEB_BUILT}/installed ${BD_WEB_SOURCE}/licenses/preact.txt)
    install(FILES ${BD_WEB_BUILT}/licenses.txt DESTINATION ${CMAKE_INSTALL_DOCDIR})
  endif()
  add_custom_command(OUTPUT ${file} COMMAND /usr/bin/python3 ${pack} --out ${file} ${arguments}
                     DEPENDS ${files} ${pack} COMMENT "Dashboard" VERBATIM)
  set(${out} ${file} PARENT_SCOPE)
endfunction()
