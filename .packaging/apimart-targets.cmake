# The targets of apimart, for its own build and for its package. `apimart_include_dir` says where the headers are.
#
# All are imported, so that a project that links them can install and export its own targets, and so that the headers are
# SYSTEM there. What is compiled is compiled by whoever links it, once and only then: it must agree with the rest of that
# program about the standard, the sanitizers and the definitions that change Asio.
if(TARGET apimart::apimart)
  return()
endif()

add_library(apimart::apimart INTERFACE IMPORTED GLOBAL)
target_compile_features(apimart::apimart INTERFACE cxx_std_20)
target_include_directories(apimart::apimart INTERFACE "${apimart_include_dir}")
target_link_libraries(apimart::apimart INTERFACE Boost::headers Boost::json Boost::url OpenSSL::SSL Threads::Threads)

# apimart_add_compiled(name header libraries...)
function(apimart_add_compiled name header)
  file(CONFIGURE OUTPUT apimart_${name}.cpp CONTENT "#include <${header}>\n" @ONLY)
  add_library(apimart_${name} STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/apimart_${name}.cpp")
  set_target_properties(apimart_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(apimart_${name} PUBLIC APIMART_SEPARATE_COMPILATION)
  target_link_libraries(apimart_${name} PUBLIC ${ARGN})

  add_library(apimart::${name} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(apimart::${name} INTERFACE apimart_${name})
endfunction()

apimart_add_compiled(compiled apimart/src.hpp apimart::apimart)
apimart_add_compiled(testing apimart/testing/src.hpp apimart::compiled)

# Journals that need more than the library does; their targets are there where that is.
find_package(SQLite3 3.35 QUIET)
if(SQLite3_FOUND)
  apimart_add_compiled(sqlite_journal apimart/sqlite_journal.ipp apimart::compiled SQLite::SQLite3)
endif()
find_package(PostgreSQL 14 QUIET)
if(PostgreSQL_FOUND)
  apimart_add_compiled(postgresql_journal apimart/postgresql_journal.ipp apimart::compiled PostgreSQL::PostgreSQL)
endif()
