# What the build with sanitizers does differently, so that it is quick enough for every run of CI.
# Included behind the folders, whose targets and sources it names.
#
# Checked code takes twice as long to compile as code that ships, and nearly all of that are templates
# that each file instantiates anew. So a folder is one translation unit: each template once.
# Precompiled headers bring nothing: parsing is the small part. A missing include shows in the other
# builds, which compile each file by itself.
#
# Names in anonymous namespaces therefore have to differ within a folder. Where two files each want the
# same one, one of the two stands here, and is compiled by itself.
if(NOT HOLDFAST_SANITIZE)
  return()
endif()

function(holdfast_compiled_alone folder)
  cmake_path(APPEND directory "${PROJECT_SOURCE_DIR}" "${folder}")
  list(TRANSFORM ARGN PREPEND "${directory}/")
  set_source_files_properties(${ARGN} DIRECTORY "${directory}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
holdfast_compiled_alone("" access_configuration.cpp command.cpp configuration_settings.cpp
  reconcile_configuration.cpp sandbox_configuration.cpp sandbox.cpp serve.cpp server_configuration.cpp)
holdfast_compiled_alone(http query.cpp stripe_documents.cpp)
holdfast_compiled_alone(payments http_calls.cpp sandbox_ledger.cpp)
holdfast_compiled_alone(storage event_codec.cpp log_damage.cpp redis_view_writer.cpp rocksdb_store.cpp)
