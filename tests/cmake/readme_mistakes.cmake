# Cuts the table of mistakes out of a Markdown file, so that what it says of the compilers is compared with what they say.
#
#   apimart_cut_readme_mistakes(README file OUTPUT folder MISTAKES var)
#
# The table stands between `<!-- mistakes: begin -->` and `<!-- mistakes: end -->`. Each of its rows has four cells, all in
# backticks: an expression that does not compile, what GCC's first line says, what Clang's first line says, and the
# expression to write instead, which compiles. MISTAKES receives files in the form of tests/compile_fail.
include(${CMAKE_CURRENT_LIST_DIR}/lines.cmake)

function(apimart_cut_readme_mistakes)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "README;OUTPUT;MISTAKES" "")
  file(READ ${arg_README} text)
  apimart_lines(lines "${text}")
  set(within FALSE)
  set(number 0)
  set(mistakes "")
  foreach(line IN LISTS lines)
    math(EXPR number "${number} + 1")
    if(line STREQUAL "<!-- mistakes: begin -->")
      set(within TRUE)
    elseif(line STREQUAL "<!-- mistakes: end -->")
      set(within FALSE)
    elseif(within AND line MATCHES "^[|] `")
      if(NOT line MATCHES "^[|] `([^`]*)` [|] `([^`]*)` [|] `([^`]*)` [|] `([^`]*)` [|]$")
        message(FATAL_ERROR "${arg_README}:${number}: not four cells in backticks: ${line}")
      endif()
      set(source ${arg_OUTPUT}/line_${number}.cpp)
      string(CONCAT text
        "// first-gcc: ${CMAKE_MATCH_2}\n// first-clang: ${CMAKE_MATCH_3}\n"
        "#include <apimart/models.hpp>\n#include <chrono>\n#include <string>\n"
        "using namespace apimart${apimart_semicolon}\nusing namespace std::chrono_literals${apimart_semicolon}\n"
        "void mistake(std::chrono::seconds length, int n, std::string shape)\n{\n"
        "    static_cast<void>(length)${apimart_semicolon}\n    static_cast<void>(n)${apimart_semicolon}\n"
        "    static_cast<void>(shape)${apimart_semicolon}\n"
        "#ifndef CONTROL\n    auto r = ${CMAKE_MATCH_1}${apimart_semicolon}\n"
        "#else\n    auto r = ${CMAKE_MATCH_4}${apimart_semicolon}\n#endif\n}\n")
      apimart_decode(text "${text}")
      file(CONFIGURE OUTPUT ${source} CONTENT "@text@" @ONLY)
      list(APPEND mistakes ${source})
    endif()
  endforeach()
  if(NOT mistakes)
    message(FATAL_ERROR "${arg_README} has no table of mistakes")
  endif()
  set(${arg_MISTAKES} "${mistakes}" PARENT_SCOPE)
endfunction()
