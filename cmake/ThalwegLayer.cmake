# One static library per layer. A layer names the layers below it that it may include; its sources are every .cpp of its
# folder. tests/layers checks the includes themselves.
add_library(thalweg_flags INTERFACE)
target_compile_features(thalweg_flags INTERFACE cxx_std_20)
target_compile_options(thalweg_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
# GCC 12 warns of "literal" + std::string in its own library (GCC bug 105651).
target_compile_options(thalweg_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(NOT THALWEG_WITH_OPENMP)
  # Those of OpenMP, which then mean nothing. g++ 12 ignores the diagnostic pragma for this warning.
  target_compile_options(thalweg_flags INTERFACE -Wno-unknown-pragmas)
endif()
if(THALWEG_WARNINGS_AS_ERRORS)
  target_compile_options(thalweg_flags INTERFACE -Werror)
endif()
if(THALWEG_SANITIZE)
  target_compile_options(thalweg_flags INTERFACE -fsanitize=${THALWEG_SANITIZE} -fno-sanitize-recover=all
                                                 -fno-omit-frame-pointer)
  target_link_options(thalweg_flags INTERFACE -fsanitize=${THALWEG_SANITIZE})
endif()

function(thalweg_layer name)
  cmake_parse_arguments(ARG "" "" "LAYERS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  add_library(thalweg_${name} STATIC ${sources})
  add_library(thalweg::${name} ALIAS thalweg_${name})
  set_target_properties(thalweg_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(thalweg_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_include_directories(thalweg_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(thalweg_${name} PUBLIC cxx_std_20)
  target_compile_definitions(thalweg_${name} PUBLIC EIGEN_DONT_PARALLELIZE)
  target_link_libraries(thalweg_${name} PUBLIC Eigen3::Eigen PRIVATE $<BUILD_INTERFACE:thalweg_flags> fmt::fmt)
  foreach(layer ${ARG_LAYERS})
    target_link_libraries(thalweg_${name} PUBLIC thalweg_${layer})
  endforeach()
  target_link_libraries(thalweg_${name} PRIVATE ${ARG_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY THALWEG_LAYERS thalweg_${name})
endfunction()
