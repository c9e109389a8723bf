# Flags and helpers that every folder shares.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # With precompiled headers ccache only hits when it may look past their time stamps. It hits within
  # one checkout, not across two: a precompiled header names its inputs by absolute path, and one
  # that came from another checkout would break, or silently read, that other's headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE_PROGRAM})
endif()

add_library(millrace_flags INTERFACE)
target_include_directories(millrace_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(millrace_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wconversion -Wno-sign-conversion -Werror
  -fno-omit-frame-pointer -msse4.2
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
target_compile_definitions(millrace_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(millrace_flags INTERFACE
    "SHELL:-Xclang -fno-pch-timestamp" -Wno-missing-designated-field-initializers)
  target_link_options(millrace_flags INTERFACE -fuse-ld=lld-19)
endif()

set(MILLRACE_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")
if(MILLRACE_SANITIZE)
  target_compile_options(millrace_flags INTERFACE
    -fsanitize=${MILLRACE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(millrace_flags INTERFACE -fsanitize=${MILLRACE_SANITIZE})
endif()

option(MILLRACE_FUZZ "Build the fuzz targets and instrument everything for them" OFF)
if(MILLRACE_FUZZ)
  target_compile_options(millrace_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# One library per folder, from every .cpp below it. `DEPENDS` names the folders it may include from.
function(millrace_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "*.cpp")
  foreach(pattern IN LISTS ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  millrace_static(millrace_${name} ${sources})
  list(TRANSFORM ARG_DEPENDS PREPEND millrace_)
  target_link_libraries(millrace_${name}
    PUBLIC $<BUILD_INTERFACE:millrace_flags> ${ARG_DEPENDS} ${ARG_LINK})
  add_library(millrace::${name} ALIAS millrace_${name})
  if(name STREQUAL "protocol")
    target_precompile_headers(millrace_${name} PRIVATE "${CMAKE_SOURCE_DIR}/cmake/pch.hpp")
  else()
    target_precompile_headers(millrace_${name} REUSE_FROM millrace_protocol)
  endif()
endfunction()

# A static library that may have no source yet: a folder exists before its first file does.
function(millrace_static name)
  set(sources ${ARGN})
  if(NOT sources)
    set(sources "${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cpp")
    file(WRITE "${sources}" "")
  endif()
  add_library(${name} STATIC ${sources})
endfunction()

# A program, with the precompiled header of the library `PCH`.
function(millrace_program name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM ${ARG_PCH})
endfunction()
