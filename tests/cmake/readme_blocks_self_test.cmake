# Cuts self_test/readme.md into pieces and compares each with self_test/expected; the reason is named when it must refuse one.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/readme_blocks.cmake)

file(REMOVE_RECURSE ${OUTPUT})
set(sample ${CMAKE_CURRENT_LIST_DIR}/self_test)

if(REFUSED) # called by the loop below
  apimart_cut_readme_blocks(README ${REFUSED} OUTPUT ${OUTPUT})
  return()
endif()

apimart_cut_readme_blocks(README ${sample}/readme.md OUTPUT ${OUTPUT}
  PROGRAMS programs FRAGMENTS fragments MISTAKES mistakes CONTROLS controls)

function(expect_files what)
  set(found "")
  foreach(path IN LISTS ${what})
    cmake_path(GET path FILENAME name)
    list(APPEND found ${name})
  endforeach()
  if(NOT "${found}" STREQUAL "${ARGN}")
    message(FATAL_ERROR "${what}: expected '${ARGN}', found '${found}'")
  endif()
endfunction()
expect_files(programs block_1.cpp)
expect_files(fragments block_2.cpp block_3.cpp)
expect_files(mistakes block_4_mistake.cpp block_5_mistake_3.cpp block_5_mistake_6.cpp)
expect_files(controls block_5.cpp)

file(GLOB written RELATIVE ${OUTPUT} ${OUTPUT}/*)
file(GLOB expected RELATIVE ${sample}/expected ${sample}/expected/*)
if(NOT written STREQUAL expected)
  message(FATAL_ERROR "files: expected '${expected}', found '${written}'")
endif()
foreach(name IN LISTS expected)
  file(READ ${OUTPUT}/${name} is)
  file(READ ${sample}/expected/${name} should)
  if(NOT is STREQUAL should)
    message(FATAL_ERROR "${name}: expected\n${should}\nfound\n${is}")
  endif()
endforeach()

# No block may be left out silently.
set(refused_1 "  ```cpp\nint x\;\n  ```\n")
set(refused_2 "```c++\nint x\;\n```\n")
set(refused_3 "```cpp\nint x\;\n")
set(refused_4 "```cpp\n// does not compile\nint x = nullptr\;\n```\n")
set(reason_1 "so that the block is compiled")
set(reason_2 "so that the block is compiled")
set(reason_3 "has no end")
set(reason_4 "say what the compiler says")
foreach(number RANGE 1 4)
  file(WRITE ${OUTPUT}/refused_${number}.md "${refused_${number}}")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -D REFUSED=${OUTPUT}/refused_${number}.md -D OUTPUT=${OUTPUT}/refused
      -P ${CMAKE_CURRENT_LIST_FILE}
    RESULT_VARIABLE result ERROR_VARIABLE message)
  string(REGEX REPLACE "[ \n]+" " " message "${message}")
  if(result EQUAL 0 OR NOT message MATCHES "${reason_${number}}")
    message(FATAL_ERROR "sample ${number} must be refused because it '${reason_${number}}': ${message}")
  endif()
endforeach()
