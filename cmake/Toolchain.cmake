# How everything is compiled: optimisation, warnings as errors, sanitizers, a compiler cache and a
# fast linker where they are installed. Targets opt in by linking djps_flags.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or RelWithDebInfo" FORCE)
endif()

find_program(DJPS_CCACHE ccache)
if(DJPS_CCACHE)
  # The sloppiness lets the cache work together with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${DJPS_CCACHE})
endif()

find_program(DJPS_MOLD mold)
if(DJPS_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# What gcc knows and clang does not.
set(gcc $<CXX_COMPILER_ID:GNU>)

add_library(djps_flags INTERFACE)
target_compile_options(djps_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align
  -Wconversion -Wno-sign-conversion $<$<BOOL:${DJPS_WERROR}>:-Werror>
  # gcc 12 reports false positives inside coroutines and std::string at -O2.
  $<${gcc}:-Wno-maybe-uninitialized;-Wno-restrict;-Wno-stringop-overflow;-Wno-array-bounds>)
target_compile_definitions(djps_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_ARRAY)
target_compile_options(djps_flags INTERFACE $<${gcc}:-fpch-preprocess>)

if(DJPS_SANITIZE)
  target_compile_options(djps_flags INTERFACE
    -fsanitize=${DJPS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(djps_flags INTERFACE -fsanitize=${DJPS_SANITIZE})
  # Eight files at a time, because most of their time goes into the same templates: a third of the
  # time for all. Files whose names clash stand in src/CMakeLists.txt.
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
  target_compile_options(djps_flags INTERFACE $<${gcc}:-Wno-subobject-linkage>)
  if(DJPS_SANITIZE MATCHES thread)
    # Asio has fences that TSan does not model; gcc warns of each.
    target_compile_options(djps_flags INTERFACE $<${gcc}:-Wno-tsan>)
  endif()
else()
  target_compile_options(djps_flags INTERFACE -fstack-protector-strong)
  target_compile_definitions(djps_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
  target_link_options(djps_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
