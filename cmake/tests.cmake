# How test programs are made and told to ctest.

# One test program per folder of the house, from tests/<folder>/**.cpp. Each test case becomes one
# ctest test, `<folder>/<its name>`; the program is asked for its cases right after it is linked.
# A main.cpp in the folder is a program of its own.
function(millrace_tests folder)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources MATCHES "_test\\.cpp")
    return()
  endif()
  set(program ${folder}_tests)
  millrace_program(${program} PCH millrace_test_support SOURCES ${sources}
                   LINK millrace_test_main millrace_test_support ${ARG_LINK})
  target_compile_definitions(${program} PRIVATE MILLRACE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")

  set(list "${CMAKE_CURRENT_BINARY_DIR}/${program}.cmake")
  set(lister "${CMAKE_SOURCE_DIR}/cmake/list_tests.py")
  add_custom_command(TARGET ${program} POST_BUILD BYPRODUCTS "${list}"
    COMMAND "${Python3_EXECUTABLE}" "${lister}" "$<TARGET_FILE:${program}>" ${folder} "${list}"
    VERBATIM)
  set(include "${CMAKE_CURRENT_BINARY_DIR}/${program}_include.cmake")
  file(CONFIGURE OUTPUT "${include}" @ONLY CONTENT [[
if(EXISTS "@list@")
  include("@list@")
else()
  add_test("@folder@/the program has not been built" "@program@ is missing")
endif()
]])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${include}")
endfunction()

# One program per file tests/<folder>/**<suffix>.cpp, named as the file; target `<folder>` makes all.
function(millrace_programs folder suffix)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*${suffix}.cpp")
  add_custom_target(${folder})
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    millrace_program(${name} PCH millrace_test_support SOURCES "${source}"
                     LINK millrace_test_support ${ARG_LINK})
    target_compile_definitions(${name} PRIVATE MILLRACE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_dependencies(${folder} ${name})
  endforeach()
endfunction()
