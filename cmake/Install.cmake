# What `cmake --install` puts where, so that another project can say
#   find_package(djps REQUIRED)
#   target_link_libraries(app PRIVATE djps::djps)
# libdjps is one archive of all the modules that a worker or a client is made of.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(djps_lib STATIC)
foreach(module boost core os pg sql store upkeep worker client)
  target_sources(djps_lib PRIVATE $<TARGET_OBJECTS:djps_${module}>)
endforeach()
set_target_properties(djps_lib PROPERTIES
  OUTPUT_NAME djps EXPORT_NAME djps LINKER_LANGUAGE CXX)
target_compile_features(djps_lib PUBLIC cxx_std_20)
target_include_directories(djps_lib PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# Of Asio's, which the archive holds: programs must see it as the archive was compiled.
target_compile_definitions(djps_lib INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_ARRAY)
target_link_libraries(djps_lib PUBLIC
  tl::expected Boost::json Boost::url Threads::Threads fmt::fmt spdlog::spdlog
  PostgreSQL::PostgreSQL OpenSSL::Crypto)
if(DJPS_SANITIZE)
  target_link_options(djps_lib INTERFACE -fsanitize=${DJPS_SANITIZE})
endif()
add_library(djps::djps ALIAS djps_lib)

# Each public header compiles alone.
file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include
  ${PROJECT_SOURCE_DIR}/include/djps/*.h)
set(alone "")
foreach(header IN LISTS headers)
  string(MAKE_C_IDENTIFIER "${header}" name)
  set(file "${CMAKE_CURRENT_BINARY_DIR}/headers_alone/${name}.cc")
  file(CONFIGURE OUTPUT "${file}" CONTENT "#include <@header@>  // first, and the only one\n" @ONLY)
  list(APPEND alone "${file}")
endforeach()
add_library(djps_headers_alone OBJECT ${alone})
target_include_directories(djps_headers_alone PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(djps_headers_alone PRIVATE djps_flags tl::expected)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/djps)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/djpsConfig.cmake.in djpsConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(djpsConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS djps RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS djps_lib EXPORT djpsTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT djpsTargets NAMESPACE djps:: DESTINATION ${package_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/djpsConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/djpsConfigVersion.cmake DESTINATION ${package_dir})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/djps DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
