# Compiles one file and judges the outcome.
#   cmake -D COMPILER=... -D COMPILER_ID=... -D FLAGS=file.rsp -D SOURCE=x.cpp -D MODE=fails|compiles -P compile_check.cmake
# fails:    the file must not compile, and every text of its lines `// expect: text` must occur in the compiler's messages
#           (`// expect-gcc:` and `// expect-clang:` for one compiler), and those of lines `// first: text` in the first line
#           that says "error" (likewise).
# compiles: the file must compile with CONTROL defined.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/lines.cmake)

set(ENV{LC_ALL} C)
if(COMPILER_ID MATCHES "Clang")
  set(compiler clang)
  set(diagnostics -fno-color-diagnostics -fno-caret-diagnostics -ferror-limit=0)
else()
  set(compiler gcc)
  set(diagnostics -fdiagnostics-color=never -fno-diagnostics-show-caret -fconcepts-diagnostics-depth=2)
endif()
# Messages only: neither echoed source lines nor the file's name may stand in for what the compiler says.

if(MODE STREQUAL "compiles")
  list(APPEND diagnostics -DCONTROL)
endif()
execute_process(
  COMMAND ${COMPILER} @${FLAGS} -fsyntax-only -fmessage-length=0 ${diagnostics} ${SOURCE}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REPLACE "${SOURCE}" "<source>" output "${output}")

if(MODE STREQUAL "compiles")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${SOURCE} does not compile with CONTROL:\n${output}")
  endif()
  return()
endif()

file(READ ${SOURCE} text)
apimart_lines(lines "${text}")
set(expectations "${lines}")
list(FILTER expectations INCLUDE REGEX "^// (expect|first)(-gcc|-clang)?: ")
if(NOT expectations)
  message(FATAL_ERROR "${SOURCE} has no line '// expect: text'")
endif()
list(FILTER expectations INCLUDE REGEX "^// (expect|first)(-${compiler})?: ")
if(NOT expectations)
  message(FATAL_ERROR "${SOURCE} has no line '// expect: text' for ${compiler}")
endif()

if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, but must not")
endif()
if(NOT output MATCHES "error: ")
  message(FATAL_ERROR "${SOURCE}: the compiler did not do its work (${result}):\n${output}")
endif()
# What a user reads first; shown by ctest -V.
string(REGEX MATCH "[^\n]*error: [^\n]*" first "${output}")
foreach(line IN LISTS expectations)
  string(REGEX REPLACE "^// [^:]*: " "" expected "${line}")
  apimart_decode(expected "${expected}")
  if(line MATCHES "^// first")
    string(FIND "${first}" "${expected}" found)
    set(where " in the first line")
  else()
    string(FIND "${output}" "${expected}" found)
    set(where "")
  endif()
  if(found EQUAL -1)
    message(FATAL_ERROR "${SOURCE}: the expected text does not occur${where}: ${expected}\n${output}")
  endif()
endforeach()
message(STATUS "${first}")
