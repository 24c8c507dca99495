# The Debian package: `cpack --config build/CPackConfig.cmake`, or scripts/package, which builds first.
set(from "${PROJECT_SOURCE_DIR}/deploy")
set(made "${PROJECT_BINARY_DIR}/package")

# Debian wants both changelogs, and the manual, compressed, and the same from the same sources.
function(compress from to)
  execute_process(COMMAND gzip -9 --no-name --stdout "${from}" OUTPUT_FILE "${to}" COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${from}")
endfunction()
file(MAKE_DIRECTORY "${made}")
compress("${from}/debian/changelog" "${made}/changelog.gz")
compress("${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${made}/CHANGELOG.md.gz")
compress("${PROJECT_SOURCE_DIR}/docs/holdfast.1" "${made}/holdfast.1.gz")

install(TARGETS holdfast RUNTIME DESTINATION bin)
install(FILES "${from}/systemd/holdfast.service" DESTINATION /lib/systemd/system)
install(FILES "${from}/systemd/holdfast.sysusers" DESTINATION lib/sysusers.d RENAME holdfast.conf)
install(FILES "${from}/debian/holdfast.toml" DESTINATION /etc/holdfast)
install(FILES "${from}/debian/environment" DESTINATION /etc/holdfast PERMISSIONS OWNER_READ OWNER_WRITE)
install(FILES "${from}/debian/lintian-overrides" DESTINATION share/lintian/overrides RENAME holdfast)
install(FILES "${made}/holdfast.1.gz" DESTINATION share/man/man1)
install(CODE "execute_process(COMMAND $<TARGET_FILE:holdfast> completion OUTPUT_FILE \"${made}/completion\" COMMAND_ERROR_IS_FATAL ANY)")
install(FILES "${made}/completion" DESTINATION share/bash-completion/completions RENAME holdfast)
install(FILES "${from}/debian/copyright" "${made}/changelog.gz" "${made}/CHANGELOG.md.gz"
  DESTINATION share/doc/holdfast)
install(FILES "${PROJECT_SOURCE_DIR}/holdfast.toml.example" DESTINATION share/doc/holdfast/examples
  RENAME holdfast.toml)
install(DIRECTORY "${from}/prometheus" "${from}/grafana" DESTINATION share/doc/holdfast/examples)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME holdfast)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "Holdfast maintainers <maintainers@holdfast.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "reservation engine for pre-orders on launch day")
set(CPACK_PACKAGE_DESCRIPTION
  "Holdfast takes pre-orders over HTTP: it records the reservation, charges the
card, issues the receipt, and undoes all of it when the customer cancels or
the payment fails. It runs as one process on a store of its own, or as a
cluster of nodes on PostgreSQL and Redis.")
set(CPACK_PACKAGE_DIRECTORY "${made}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "tzdata, ca-certificates, systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${from}/debian/conffiles" "${from}/debian/postinst" "${from}/debian/prerm"
  "${from}/debian/postrm")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)
include(CPack)
