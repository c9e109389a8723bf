# What `cmake --install` puts down: the program, and a package for C++ programs.
#
#     find_package(millrace)                        millrace::clients
#     find_package(millrace COMPONENTS testing)     millrace::testing, when this tree has its tests
#
# Headers go to include/millrace/ with the folders they have here, so that programs write
# "clients/producer.hpp" inside and outside of this tree alike.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(millrace_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/millrace")

# Puts libraries into the export set `set`, each under its own name without `millrace_`.
function(millrace_export set)
  foreach(target IN LISTS ARGN)
    string(REGEX REPLACE "^millrace_" "" name "${target}")
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  endforeach()
  install(TARGETS ${ARGN} EXPORT ${set})
  install(EXPORT ${set} NAMESPACE millrace:: DESTINATION "${millrace_package_dir}")
endfunction()

install(TARGETS millrace)
install(DIRECTORY protocol clients DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/millrace"
  FILES_MATCHING PATTERN "*.hpp" PATTERN "examples" EXCLUDE)

# Users compile against the same Asio as the library, and have its other flags of their own.
target_include_directories(millrace_protocol
  PUBLIC "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/millrace>")
target_compile_definitions(millrace_protocol
  PUBLIC "$<INSTALL_INTERFACE:BOOST_ASIO_SEPARATE_COMPILATION;BOOST_ASIO_NO_DEPRECATED>")
set_property(TARGET millrace_protocol PROPERTY INTERFACE_COMPILE_FEATURES cxx_std_23)
millrace_export(millraceTargets millrace_protocol millrace_clients)

if(TARGET millrace_testing)
  install(FILES tests/support/testing/broker.hpp
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/millrace/testing")
  millrace_export(millraceTestingTargets millrace_config millrace_log millrace_schema
    millrace_replication millrace_broker millrace_test_files millrace_testing)
endif()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/millraceConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/millraceConfig.cmake" INSTALL_DESTINATION "${millrace_package_dir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/millraceConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/millraceConfig.cmake"
  "${CMAKE_BINARY_DIR}/millraceConfigVersion.cmake" DESTINATION "${millrace_package_dir}")
