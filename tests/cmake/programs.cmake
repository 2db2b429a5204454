# Programs, the pages and the ways in, each as a user runs them.

# The cases of a script in Python: its functions case_..., or long_case_....
function(apimart_list_cases script prefix to)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script})
  file(STRINGS ${script} cases REGEX "^def ${prefix}case_")
  list(TRANSFORM cases REPLACE "^def ${prefix}case_([a-z0-9_]+).*$" "\\1")
  set(${to} ${cases} PARENT_SCOPE)
endfunction()

if(TARGET batch_submit)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  file(GLOB scripts CONFIGURE_DEPENDS programs/batch_*.py)
  foreach(script IN LISTS scripts)
    cmake_path(GET script STEM name)
    foreach(length "" long_)
      apimart_list_cases(${script} "${length}" cases)
      set(label programs)
      if(length)
        set(label programs_long)
      endif()
      foreach(case IN LISTS cases)
        add_test(NAME programs.${name}.${case}
          COMMAND Python3::Interpreter ${script}
            $<TARGET_FILE:batch_submit> $<TARGET_FILE:emulator> ${PROJECT_SOURCE_DIR}/examples/documented-requests.jsonl ${case})
        set_tests_properties(programs.${name}.${case} PROPERTIES LABELS ${label} TIMEOUT 300)
      endforeach()
    endforeach()
  endforeach()
endif()

# ---- Pages: built, and looked at --------------------------------------------------------------------------------

if(TARGET docs)
  add_test(NAME docs.build COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target docs)
  add_test(NAME docs.site
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/docs/site.py ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/docs)
  set_tests_properties(docs.build PROPERTIES LABELS docs TIMEOUT 300 FIXTURES_SETUP docs)
  set_tests_properties(docs.site PROPERTIES LABELS docs TIMEOUT 60 FIXTURES_REQUIRED docs)
endif()

if(TARGET studio)
  apimart_list_cases(programs/studio.py "" cases)
  foreach(case IN LISTS cases)
    add_test(NAME programs.studio.${case}
      COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/programs/studio.py $<TARGET_FILE:studio> $<TARGET_FILE:emulator> ${case})
    set_tests_properties(programs.studio.${case} PROPERTIES LABELS programs TIMEOUT 120)
  endforeach()

  # In a browser. What it needs is installed by studio/install; what was seen is in build/PRESET/tests/studio.
  find_program(APIMART_NODE node)
  find_program(APIMART_CHROMIUM NAMES chromium chromium-browser)
  if(APIMART_NODE AND APIMART_CHROMIUM AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/studio/node_modules)
    add_test(NAME studio.browser COMMAND ${APIMART_NODE} --test ${CMAKE_CURRENT_SOURCE_DIR}/studio/browser.test.mjs)
    set_tests_properties(studio.browser PROPERTIES LABELS studio TIMEOUT 900 RUN_SERIAL ON ENVIRONMENT
      "STUDIO=$<TARGET_FILE:studio>;EMULATOR=$<TARGET_FILE:emulator>;CHROMIUM=${APIMART_CHROMIUM};ARTEFACTS=${CMAKE_CURRENT_BINARY_DIR}/studio")
  else()
    message(STATUS "apimart: the studio is not tried in a browser (tests/studio/install gets what that needs)")
  endif()
endif()

# ---- README: its tables and its lines -------------------------------------------------------------------------------

if(TARGET models)
  add_test(NAME readme.shows_the_tables_of_the_models
    COMMAND ${CMAKE_COMMAND} -D README=${PROJECT_SOURCE_DIR}/README.md -D PROGRAM=$<TARGET_FILE:models>
      -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/readme_contains.cmake)
  add_test(NAME readme.shows_the_smallest_program
    COMMAND ${CMAKE_COMMAND} -D README=${PROJECT_SOURCE_DIR}/README.md
      -D FILE=${PROJECT_SOURCE_DIR}/examples/1_tutorial/text_to_video.cpp
      -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/readme_contains.cmake)
  set_tests_properties(readme.shows_the_tables_of_the_models readme.shows_the_smallest_program PROPERTIES LABELS readme)
endif()

if(TARGET emulator)
  apimart_list_cases(consumer/ways_in.py "" cases)
  foreach(case IN LISTS cases)
    add_test(NAME consumer.readme.${case}
      COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/consumer/ways_in.py ${case}
        --source ${PROJECT_SOURCE_DIR} --work ${CMAKE_CURRENT_BINARY_DIR}/consumer/readme
        --programs $<TARGET_FILE_DIR:emulator> --compiler ${CMAKE_CXX_COMPILER} --launcher=${CMAKE_CXX_COMPILER_LAUNCHER})
    set_tests_properties(consumer.readme.${case} PROPERTIES LABELS consumer TIMEOUT 600)
  endforeach()
endif()
