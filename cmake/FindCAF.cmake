# Debian's libcaf-dev 0.17.6 ships no CMake configuration: this finds the libraries we use and offers them as
# CAF::core, CAF::io and CAF::openssl.
find_path(CAF_INCLUDE_DIR caf/actor_system.hpp)
find_library(CAF_CORE_LIBRARY caf_core)
find_library(CAF_IO_LIBRARY caf_io)
find_library(CAF_OPENSSL_LIBRARY caf_openssl)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF
  REQUIRED_VARS CAF_CORE_LIBRARY CAF_IO_LIBRARY CAF_OPENSSL_LIBRARY CAF_INCLUDE_DIR)

function(holdfast_caf_library name location)
  if(NOT CAF_FOUND OR TARGET CAF::${name})
    return()
  endif()
  add_library(CAF::${name} UNKNOWN IMPORTED)
  set_target_properties(CAF::${name} PROPERTIES
    IMPORTED_LOCATION "${location}"
    INTERFACE_INCLUDE_DIRECTORIES "${CAF_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()

holdfast_caf_library(core "${CAF_CORE_LIBRARY}")
holdfast_caf_library(io "${CAF_IO_LIBRARY}" CAF::core)
holdfast_caf_library(openssl "${CAF_OPENSSL_LIBRARY}" CAF::io)
