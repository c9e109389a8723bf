# What `millrace --version` says: the release and the commit. The reflog of HEAD grows with every
# commit and checkout, so it tells when to write the answer anew; any other build leaves it alone.
# Run with -DOUTPUT=..., writes that file (the second half); included, it defines the library.
if(CMAKE_SCRIPT_MODE_FILE)
  set(commit "unknown")
  find_program(GIT_PROGRAM git)
  if(GIT_PROGRAM)
    execute_process(COMMAND "${GIT_PROGRAM}" rev-parse --short=12 HEAD
      WORKING_DIRECTORY "${SOURCE_DIR}" OUTPUT_VARIABLE answer RESULT_VARIABLE failed
      OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT failed)
      set(commit "${answer}")
    endif()
  endif()
  configure_file("${CMAKE_CURRENT_LIST_DIR}/version.cpp.in" "${OUTPUT}" @ONLY)
  file(TOUCH "${OUTPUT}")
  return()
endif()

set(version_depends "${CMAKE_SOURCE_DIR}/cmake/version.cpp.in" "${CMAKE_SOURCE_DIR}/CMakeLists.txt")
find_program(GIT_PROGRAM git)
if(GIT_PROGRAM)
  execute_process(COMMAND "${GIT_PROGRAM}" rev-parse --path-format=absolute --git-path logs/HEAD
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" OUTPUT_VARIABLE reflog
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(reflog AND EXISTS "${reflog}")
    list(APPEND version_depends "${reflog}")
  endif()
endif()

set(version_source "${CMAKE_BINARY_DIR}/version.cpp")
add_custom_command(OUTPUT "${version_source}" DEPENDS ${version_depends}
  COMMAND "${CMAKE_COMMAND}" -D "SOURCE_DIR=${CMAKE_SOURCE_DIR}" -D "OUTPUT=${version_source}"
          -D "VERSION=${PROJECT_VERSION}" -P "${CMAKE_CURRENT_LIST_FILE}"
  COMMENT "Asking git for the commit")
add_library(millrace_version STATIC "${version_source}")
target_link_libraries(millrace_version PUBLIC millrace_flags)
