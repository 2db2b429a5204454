# What must compile, what must not, and what is said then.

# ---- Static: what must hold at compile time; building it is the test --------------------------------------------

file(GLOB sources CONFIGURE_DEPENDS static/*.cpp)
if(sources)
  add_library(static_tests OBJECT ${sources})
  target_include_directories(static_tests PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(static_tests PRIVATE apimart::apimart apimart_headers_development)
  target_compile_definitions(static_tests PRIVATE APIMART_SEPARATE_COMPILATION) # what comes after the declarations is tested elsewhere
else()
  add_custom_target(static_tests) # tests/run names it
endif()

# ---- Schemas: their verdict is the library's, says a validator that is not ours -----------------------------------

add_executable(schema_library schema/library.cpp)
target_link_libraries(schema_library PRIVATE apimart::apimart apimart_development)
# Debian's own Python, for which Debian's validator is installed.
add_test(NAME schema.agrees_with_independent_validator
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/schema/compare.py $<TARGET_FILE:schema_library>
    ${PROJECT_SOURCE_DIR}/examples/documented-requests.jsonl ${CMAKE_CURRENT_SOURCE_DIR}/schema/valid-requests.jsonl)
set_tests_properties(schema.agrees_with_independent_validator PROPERTIES LABELS schema TIMEOUT 300)

# ---- Headers: each compiles alone, and twice, with our warnings -------------------------------------------------
# Not part of the default target, because a change in a header at the bottom would compile them all. (CMake's own
# verification of header sets has no warnings and no second inclusion.) As users see them: what we build ourselves has
# BOOST_ASIO_NO_DEPRECATED defined.

file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/*.hpp)
if(NOT headers)
  message(FATAL_ERROR "no public header found")
endif()
if(NOT TARGET apimart::sqlite_journal)
  list(FILTER headers EXCLUDE REGEX "/sqlite_")
endif()
if(NOT TARGET apimart::postgresql_journal)
  list(FILTER headers EXCLUDE REGEX "/postgresql_")
endif()
set(public_sources "")
set(inner_sources "")
foreach(header IN LISTS headers)
  cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/include)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${header}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT "#include <@header@>\n#include <@header@>\n")
  if(header MATCHES "^apimart(/((models|testing)/)?[^/]+)?[.]hpp$")
    list(APPEND public_sources ${source})
  else()
    list(APPEND inner_sources ${source})
  endif()
endforeach()
add_library(apimart_public_header_checks OBJECT EXCLUDE_FROM_ALL ${public_sources})
add_library(apimart_inner_header_checks OBJECT EXCLUDE_FROM_ALL ${inner_sources})
foreach(target apimart_public_header_checks apimart_inner_header_checks)
  target_link_libraries(${target} PRIVATE apimart::apimart apimart_headers_development
    $<TARGET_NAME_IF_EXISTS:SQLite::SQLite3> $<TARGET_NAME_IF_EXISTS:PostgreSQL::PostgreSQL>)
  target_compile_options(${target} PRIVATE -g0 -fsyntax-only -UBOOST_ASIO_NO_DEPRECATED
    $<$<CXX_COMPILER_ID:Clang>:-Wno-unused-command-line-argument>) # -c, which CMake gives as well
endforeach()
# The headers that ask for a definition first.
set_source_files_properties(
  ${CMAKE_CURRENT_BINARY_DIR}/headers/apimart/src.hpp.cpp
  ${CMAKE_CURRENT_BINARY_DIR}/headers/apimart/testing/src.hpp.cpp
  PROPERTIES COMPILE_DEFINITIONS APIMART_SEPARATE_COMPILATION)

if(CMAKE_GENERATOR MATCHES "Ninja")
  set(keep_going -- -k 0) # name every header that does not compile
endif()
foreach(kind public inner)
  add_test(NAME headers.${kind}_compile_alone
    COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target apimart_${kind}_header_checks --parallel 2 ${keep_going})
  set_tests_properties(headers.${kind}_compile_alone PROPERTIES LABELS headers PROCESSORS 2 TIMEOUT 1200)
endforeach()
# Nobody else includes these, and there are three times as many.
set_tests_properties(headers.inner_compile_alone PROPERTIES LABELS headers_long)

# ---- Compile fail: the mistake does not compile and says why, its correct variant does --------------------------

set(compile_flags ${CMAKE_CURRENT_BINARY_DIR}/compile_flags.rsp)
set(includes "$<FILTER:$<TARGET_PROPERTY:apimart::apimart,INTERFACE_INCLUDE_DIRECTORIES>,EXCLUDE,^/usr/include$>")
# What is compiled apart says nothing about a request; and none of these makes its request in a coroutine.
set(definitions APIMART_SEPARATE_COMPILATION APIMART_ALWAYS_CONSTEVAL)
file(GENERATE OUTPUT ${compile_flags} CONTENT
  "${CMAKE_CXX_FLAGS} ${CMAKE_CXX20_STANDARD_COMPILE_OPTION}
\"-I$<JOIN:$<REMOVE_DUPLICATES:${includes}>,\"\n\"-I>\"
\"-D$<JOIN:$<REMOVE_DUPLICATES:${definitions}>,\"\n\"-D>\"
")
# The headers of the models are compiled once for all checks that begin with them.
set(models_header ${CMAKE_CURRENT_BINARY_DIR}/compile_fail/models.hpp)
file(CONFIGURE OUTPUT ${models_header} @ONLY CONTENT "#include <apimart/models.hpp>\n#include <string>\n#include <vector>\n")
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(models_output ${models_header}.pch)
  set(use_models "-include-pch ${models_output}")
else()
  set(models_output ${models_header}.gch)
  set(use_models "-include ${models_header}")
endif()
set(compile_flags_with_models ${CMAKE_CURRENT_BINARY_DIR}/compile_flags_with_models.rsp)
file(GENERATE OUTPUT ${compile_flags_with_models} CONTENT "@${compile_flags} ${use_models}\n")
add_test(NAME compile_fail.models
  COMMAND ${CMAKE_CXX_COMPILER} @${compile_flags} -x c++-header ${models_header} -o ${models_output})
set_tests_properties(compile_fail.models PROPERTIES LABELS "compile_fail;readme" TIMEOUT 120 FIXTURES_SETUP models)

# apimart_add_compile_check(NAME name LABELS labels FAILS source) and/or (... COMPILES source), with MODELS where the source
# begins with <apimart/models.hpp>
function(apimart_add_compile_check)
  cmake_parse_arguments(PARSE_ARGV 0 arg "MODELS" "NAME;FAILS;COMPILES" "LABELS")
  set(flags ${compile_flags})
  set(fixtures "")
  if(arg_MODELS)
    set(flags ${compile_flags_with_models})
    set(fixtures models)
  endif()
  set(compile_check ${CMAKE_COMMAND}
    -D COMPILER=${CMAKE_CXX_COMPILER} -D COMPILER_ID=${CMAKE_CXX_COMPILER_ID} -D FLAGS=${flags})
  if(arg_FAILS)
    add_test(NAME ${arg_NAME}
      COMMAND ${compile_check} -D MODE=fails -D SOURCE=${arg_FAILS} -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/compile_check.cmake)
    set_tests_properties(${arg_NAME} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 120 FIXTURES_REQUIRED "${fixtures}")
  endif()
  if(arg_COMPILES)
    add_test(NAME ${arg_NAME}.control
      COMMAND ${compile_check} -D MODE=compiles -D SOURCE=${arg_COMPILES} -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/compile_check.cmake)
    set_tests_properties(${arg_NAME}.control PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 120
      FIXTURES_REQUIRED "${fixtures}")
  endif()
endfunction()

file(GLOB sources CONFIGURE_DEPENDS compile_fail/*.cpp)
foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  if(name STREQUAL "model_as_text" AND NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    continue() # GCC reports that it cannot deduce, and does not come as far as the sentence
  endif()
  set(models MODELS)
  if(name STREQUAL "header_of_the_model_missing")
    set(models "")
  endif()
  apimart_add_compile_check(NAME compile_fail.${name} LABELS compile_fail ${models} FAILS ${source} COMPILES ${source})
endforeach()

# ---- Completion: an editor offers what a request accepts, and nothing else -----------------------------------------

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_executable(completion_expected completion/expected.cpp)
  target_link_libraries(completion_expected PRIVATE apimart::apimart apimart_development)
  target_compile_definitions(completion_expected PRIVATE APIMART_SEPARATE_COMPILATION)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME completion.offers_what_is_accepted
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/completion/compare.py ${CMAKE_CXX_COMPILER}
      $<TARGET_FILE:completion_expected> ${CMAKE_CURRENT_BINARY_DIR}/completion @${compile_flags})
  set_tests_properties(completion.offers_what_is_accepted PROPERTIES LABELS compile_fail TIMEOUT 120)
endif()

# What cannot work says so in a sentence.
foreach(header client request)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/requirements/${header}.cpp)
  set(compile ${CMAKE_CXX_COMPILER} -E -o /dev/null -I ${PROJECT_SOURCE_DIR}/include)
  add_test(NAME compile_fail.requirements.${header}.cpp17
    COMMAND ${CMAKE_COMMAND} -D "REASON=apimart needs C++20: compile with -std=c++20" -P ${must_fail}
      -- ${compile} -std=c++17 ${source})
  add_test(NAME compile_fail.requirements.${header}.old_boost
    COMMAND ${CMAKE_COMMAND} -D "REASON=apimart needs Boost 1.81 or newer" -P ${must_fail}
      -- ${compile} -std=c++20 -I ${CMAKE_CURRENT_SOURCE_DIR}/requirements/old_boost ${source})
  set_tests_properties(compile_fail.requirements.${header}.cpp17 compile_fail.requirements.${header}.old_boost
    PROPERTIES LABELS compile_fail TIMEOUT 120)
endforeach()

# The checker itself: it accepts what is right, and refuses each of the others for this reason.
set(self_tests ${CMAKE_CURRENT_SOURCE_DIR}/cmake/self_test)
apimart_add_compile_check(NAME self_test.compile_check.right LABELS compile_fail
  FAILS ${self_tests}/right.cpp COMPILES ${self_tests}/right.cpp)
foreach(case
    "wrong_text|fails|the expected text does not occur"
    "not_in_the_first_line|fails|the expected text does not occur in the first line"
    "text_only_in_source|fails|the expected text does not occur"
    "mistake_compiles|fails|compiles, but must not"
    "no_expectation|fails|has no line '// expect:"
    "control_fails|compiles|does not compile with CONTROL")
  string(REPLACE "|" ";" case "${case}")
  list(GET case 0 file)
  list(GET case 1 mode)
  list(GET case 2 reason)
  add_test(NAME self_test.compile_check.${file}
    COMMAND ${CMAKE_COMMAND} -D "REASON=${reason}" -P ${must_fail}
      -- ${CMAKE_COMMAND} -D COMPILER=${CMAKE_CXX_COMPILER} -D COMPILER_ID=${CMAKE_CXX_COMPILER_ID} -D FLAGS=${compile_flags}
      -D MODE=${mode} -D SOURCE=${self_tests}/${file}.cpp
      -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/compile_check.cmake)
  set_tests_properties(self_test.compile_check.${file} PROPERTIES LABELS compile_fail TIMEOUT 60)
endforeach()

# ---- README: what must not compile does not, and says so ---------------------------------------------------------

foreach(source IN LISTS mistakes)
  cmake_path(GET source STEM name)
  apimart_add_compile_check(NAME readme.${name} LABELS readme compile_fail FAILS ${source})
endforeach()
foreach(source IN LISTS controls)
  cmake_path(GET source STEM name)
  apimart_add_compile_check(NAME readme.${name} LABELS readme compile_fail COMPILES ${source})
endforeach()

# What the table of mistakes says of the compilers is what they say.
include(cmake/readme_mistakes.cmake)
apimart_cut_readme_mistakes(README ${readme}
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/readme_mistakes MISTAKES mistakes)
foreach(source IN LISTS mistakes)
  cmake_path(GET source STEM name)
  apimart_add_compile_check(NAME readme.mistakes.${name} LABELS readme compile_fail MODELS FAILS ${source} COMPILES ${source})
endforeach()

add_test(NAME self_test.readme_blocks
  COMMAND ${CMAKE_COMMAND} -D OUTPUT=${CMAKE_CURRENT_BINARY_DIR}/readme_self_test
    -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/readme_blocks_self_test.cmake)
set_tests_properties(self_test.readme_blocks PROPERTIES LABELS readme)

# ---- Consumers: the ways the library gets into somebody else's project ------------------------------------------

set(sources consumer/two_translation_units/main.cpp consumer/two_translation_units/other.cpp)
add_executable(two_translation_units ${sources})
add_executable(separate_compilation ${sources} consumer/two_translation_units/implementation.cpp)
target_compile_definitions(separate_compilation PRIVATE APIMART_SEPARATE_COMPILATION)
foreach(program two_translation_units separate_compilation)
  target_link_libraries(${program} PRIVATE apimart::apimart apimart_headers_development)
  add_test(NAME consumer.${program} COMMAND ${program})
  set_tests_properties(consumer.${program} PROPERTIES LABELS consumer TIMEOUT 60)
endforeach()

# What is built from headers alone takes half a minute for each; the README's own lines, below, are what runs every time.
foreach(way build_tree installed subdirectory)
  add_test(NAME consumer.${way}
    COMMAND ${CMAKE_COMMAND} -D WAY=${way}
      -D APIMART_SOURCE=${PROJECT_SOURCE_DIR} -D APIMART_BUILD=${PROJECT_BINARY_DIR}
      -D WORK=${CMAKE_CURRENT_BINARY_DIR}/consumer/${way}
      -D GENERATOR=${CMAKE_GENERATOR}
      -D COMPILER=${CMAKE_CXX_COMPILER} -D LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER} -D VERSION=${PROJECT_VERSION}
      -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/consumer.cmake)
  set_tests_properties(consumer.${way} PROPERTIES LABELS consumer_long TIMEOUT 600)
endforeach()
