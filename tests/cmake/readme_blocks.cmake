# Cuts the C++ blocks out of a Markdown file, so that every shown line is compiled.
#
#   apimart_cut_readme_blocks(README file OUTPUT folder PROGRAMS var FRAGMENTS var MISTAKES var CONTROLS var)
#
# Each ```cpp block becomes one file, by the first rule that fits:
#   first line `// does not compile: text`   must not compile, and the compiler says `text`
#   lines ending in `// error: text` below such a first line (its text is optional then)
#                                            each is a mistake of its own: with the lines that have no such comment it must
#                                            not compile and the compiler says `text`; those lines without any of the
#                                            mistakes are the control, which must compile
#   contains `int main`                      a program, taken as it is
#   contains a definition                    a translation unit, with the alias `asio` added
#   anything else                            the body of a coroutine `block_N(apimart::client& client)`, N counting all
#                                            blocks; the library and <iostream> are included
# The four variables receive the lists of files. MISTAKES and CONTROLS are in the form of tests/compile_fail.
include(${CMAKE_CURRENT_LIST_DIR}/lines.cmake)

# file(WRITE), but only when something changed, so that nothing is compiled again without need.
function(apimart_write_block path text)
  apimart_decode(text "${text}")
  file(CONFIGURE OUTPUT ${path} CONTENT "@text@" @ONLY)
endfunction()

# The lines, with those under #include moved up, as the body of the coroutine `block_N`.
function(apimart_as_body result lines position)
  set(includes "${lines}")
  list(FILTER includes INCLUDE REGEX "^#include")
  list(TRANSFORM lines REPLACE "^#include.*" "")
  list(JOIN includes "\n" includes)
  list(JOIN lines "\n" lines)
  set(${result} "#include <apimart.hpp>
#include <iostream>
${includes}
namespace asio = boost::asio;
asio::awaitable<void> block_${count}(apimart::client& client);
asio::awaitable<void> block_${count}([[maybe_unused]] apimart::client& client)
{
    using namespace apimart${apimart_semicolon}
    using namespace std::chrono_literals${apimart_semicolon}
${position}
${lines}
    co_return${apimart_semicolon}
}
" PARENT_SCOPE)
endfunction()

function(apimart_cut_readme_blocks)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "README;OUTPUT;PROGRAMS;FRAGMENTS;MISTAKES;CONTROLS" "")
  cmake_path(GET arg_README FILENAME readme_name)
  set(programs "")
  set(fragments "")
  set(mistakes "")
  set(controls "")

  file(READ ${arg_README} text)
  apimart_lines(lines "${text}")
  set(number 0)
  set(fence "")
  set(count 0)
  foreach(line IN LISTS lines)
    math(EXPR number "${number} + 1")
    if(fence STREQUAL "")
      if(line MATCHES "^( *)(```+) *([^ `]*)")
        set(fence "${CMAKE_MATCH_2}")
        set(language "${CMAKE_MATCH_3}")
        set(block "")
        math(EXPR first "${number} + 1")
        if(language MATCHES "^([cC]\\+\\+|[cC]pp|CPP|cc|cxx|hpp)" AND NOT line STREQUAL "```cpp")
          message(FATAL_ERROR "${arg_README}:${number}: write \"```cpp\" without anything before or behind it, so that the block is compiled")
        endif()
      endif()
      continue()
    elseif(NOT line MATCHES "^ *${fence}`* *$")
      if(line STREQUAL "") # appended to an empty list, this would be lost
        set(line " ")
      endif()
      list(APPEND block "${line}")
      continue()
    endif()
    set(fence "")
    if(NOT language STREQUAL "cpp")
      continue()
    endif()

    # A whole ```cpp block has been read.
    if(NOT block)
      message(FATAL_ERROR "${arg_README}:${first}: a block without a line")
    endif()
    math(EXPR count "${count} + 1")
    set(stem ${arg_OUTPUT}/block_${count})
    set(position "#line ${first} \"${readme_name}\"")
    list(JOIN block "\n" whole)
    list(GET block 0 head)
    if(head MATCHES "^// does not compile")
      string(REGEX REPLACE "^// does not compile:? *" "" expected "${head}")
      set(errors "${block}")
      list(FILTER errors INCLUDE REGEX "// error: ")
      if(NOT errors)
        if(expected STREQUAL "")
          message(FATAL_ERROR "${arg_README}:${first}: say what the compiler says: \"// does not compile: text\"")
        endif()
        apimart_as_body(body "${block}" "${position}")
        apimart_write_block(${stem}_mistake.cpp "// expect: ${expected}\n${body}")
        list(APPEND mistakes ${stem}_mistake.cpp)
      else()
        set(index 0)
        foreach(candidate IN LISTS block)
          math(EXPR index "${index} + 1")
          if(NOT candidate MATCHES "// error: (.*)$")
            continue()
          endif()
          string(STRIP "${CMAKE_MATCH_1}" expected)
          # The other mistakes become empty lines, so that the numbers stay right.
          set(alone "")
          set(other 0)
          foreach(line IN LISTS block)
            math(EXPR other "${other} + 1")
            if(line MATCHES "// error: " AND NOT other EQUAL index)
              set(line " ")
            endif()
            list(APPEND alone "${line}")
          endforeach()
          apimart_as_body(body "${alone}" "${position}")
          math(EXPR at "${first} + ${index} - 1")
          apimart_write_block(${stem}_mistake_${index}.cpp "// expect: ${expected}\n// expect: ${readme_name}:${at}:\n${body}")
          list(APPEND mistakes ${stem}_mistake_${index}.cpp)
        endforeach()
        set(correct "${block}")
        list(TRANSFORM correct REPLACE "^.*// error: .*$" " ")
        apimart_as_body(body "${correct}" "${position}")
        apimart_write_block(${stem}.cpp "${body}")
        list(APPEND controls ${stem}.cpp)
      endif()
    elseif(whole MATCHES "int main")
      apimart_write_block(${stem}.cpp "${position}\n${whole}\n")
      list(APPEND programs ${stem}.cpp)
    elseif(whole MATCHES "(^|\n)(asio::awaitable<|struct |class |template)")
      set(includes "${block}")
      list(FILTER includes INCLUDE REGEX "^#include")
      if(NOT includes)
        set(includes "#include <apimart.hpp>")
      endif()
      list(JOIN includes "\n" includes)
      apimart_write_block(${stem}.cpp "${includes}\nnamespace asio = boost::asio${apimart_semicolon}\n${position}\n${whole}\n")
      list(APPEND fragments ${stem}.cpp)
    else()
      apimart_as_body(body "${block}" "${position}")
      apimart_write_block(${stem}.cpp "${body}")
      list(APPEND fragments ${stem}.cpp)
    endif()
  endforeach()
  if(NOT fence STREQUAL "")
    message(FATAL_ERROR "${arg_README}: the block that begins in line ${first} has no end")
  endif()

  foreach(kind programs fragments mistakes controls)
    string(TOUPPER ${kind} name)
    set(${arg_${name}} "${${kind}}" PARENT_SCOPE)
  endforeach()
endfunction()
