# Builds tests/consumer/package the way somebody else would, and runs it.
#   cmake -D WAY=subdirectory|installed|build_tree -D APIMART_SOURCE=... -D APIMART_BUILD=... -D WORK=... -P consumer.cmake
cmake_minimum_required(VERSION 3.25)
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${WAY}: ${what} failed (${result}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
set(options "")
if(WAY STREQUAL "subdirectory")
  set(options -D APIMART_SUBDIRECTORY=${APIMART_SOURCE})
elseif(WAY STREQUAL "installed")
  run("installing" ${CMAKE_COMMAND} --install ${APIMART_BUILD} --prefix ${WORK}/prefix)
  set(options -D CMAKE_PREFIX_PATH=${WORK}/prefix)
elseif(WAY STREQUAL "build_tree")
  set(options -D apimart_DIR=${APIMART_BUILD})
else()
  message(FATAL_ERROR "no such way: '${WAY}'")
endif()

run("configuring" ${CMAKE_COMMAND} -S ${APIMART_SOURCE}/tests/consumer/package -B ${WORK}/build -G ${GENERATOR}
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -D CMAKE_BUILD_TYPE=Debug
  -D CMAKE_CXX_FLAGS_DEBUG=-O0 -D WAY=${WAY} -D VERSION=${VERSION} ${options})
run("building" ${CMAKE_COMMAND} --build ${WORK}/build)
run("running" ${WORK}/build/consumer)
if(NOT output MATCHES "\"prompt\":\"A corgi\"")
  message(FATAL_ERROR "${WAY}: the program printed something else:\n${output}")
endif()
message(STATUS "${output}")
