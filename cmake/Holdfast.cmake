# What only the composition root and the tests of the root need: configuration, log, calendar.
find_package(CLI11 REQUIRED)

add_library(holdfast_app STATIC
  access_configuration.cpp command.cpp command_process.cpp commands.cpp
  configuration.cpp configuration_file.cpp configuration_settings.cpp configuration_values.cpp
  data_directory.cpp delivery_calendar.cpp doctor_configuration.cpp journal_access.cpp journal_configuration.cpp journal_transfer.cpp
  journal_verification.cpp journal_walk.cpp
  logging.cpp manual.cpp node_configuration.cpp operator_configuration.cpp
  process_control.cpp progress.cpp record_printer.cpp sandbox_configuration.cpp server_configuration.cpp
  reconcile_configuration.cpp reconciliation.cpp reconciliation_mending.cpp reconciliation_report.cpp
  service_manager.cpp stored_reservations.cpp trace_configuration.cpp)
target_include_directories(holdfast_app PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(holdfast_app
  PUBLIC holdfast_domain holdfast_payments holdfast_storage
  PRIVATE CLI11::CLI11 tomlplusplus::tomlplusplus date::date-tz spdlog::spdlog)
target_compile_definitions(holdfast_app PUBLIC HOLDFAST_VERSION="${PROJECT_VERSION}")

# The binary: a composition root for each command.
add_executable(holdfast cluster_node.cpp doctor.cpp doctor_credentials.cpp front_door.cpp journal_commands.cpp main.cpp operator_commands.cpp reconcile.cpp sandbox.cpp sandbox_knobs.cpp serve.cpp span_sender.cpp view_waiting.cpp)
target_link_libraries(holdfast PRIVATE holdfast_app holdfast_http spdlog::spdlog
  $<$<NOT:$<BOOL:${HOLDFAST_SANITIZE}>>:mimalloc>)
