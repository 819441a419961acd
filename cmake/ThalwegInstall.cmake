# find_package(thalweg CONFIG) from an install tree: thalweg::thalweg.
include(CMakePackageConfigHelpers)
get_property(thalweg_layers GLOBAL PROPERTY THALWEG_LAYERS)
install(TARGETS thalweg ${thalweg_layers} EXPORT thalwegTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/thalweg DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT thalwegTargets NAMESPACE thalweg:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/thalweg)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/thalwegConfig.cmake.in
  ${PROJECT_BINARY_DIR}/thalwegConfig.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/thalweg)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/thalwegConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/thalwegConfig.cmake ${PROJECT_BINARY_DIR}/thalwegConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/thalweg)
if(TARGET thalweg_cli)
  install(TARGETS thalweg_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
