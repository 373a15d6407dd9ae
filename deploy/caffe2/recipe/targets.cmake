# Imported targets of a built Caffe2; installed at the root of its prefix.
#   caffe2_proto                     caffe2.pb.h and its messages; reaches no other Caffe2 header
#   caffe2_eigen, caffe2_openblas    the whole of Caffe2 with that math back-end; a program links one of them
include_guard(GLOBAL)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_library(SYNERGY_OPENBLAS_LIBRARY openblas REQUIRED)

foreach(name proto core math_eigen math_openblas)
  if(name STREQUAL proto)
    set(target caffe2_proto)
  else()
    set(target caffe2_${name}_archive)
  endif()
  add_library(${target} STATIC IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${CMAKE_CURRENT_LIST_DIR}/lib/libcaffe2_${name}.a)
endforeach()
target_include_directories(caffe2_proto INTERFACE ${CMAKE_CURRENT_LIST_DIR}/proto)
target_link_libraries(caffe2_proto INTERFACE protobuf::libprotobuf)
# Whoever links both the messages and an engine gets the messages after the archive that needs them.
target_link_libraries(caffe2_core_archive INTERFACE caffe2_proto)

foreach(engine eigen openblas)
  add_library(caffe2_${engine} INTERFACE IMPORTED GLOBAL)
  target_include_directories(caffe2_${engine} INTERFACE ${CMAKE_CURRENT_LIST_DIR}/include)
  target_compile_definitions(caffe2_${engine} INTERFACE CAFFE2_IS_XPLAT_BUILD CAFFE2_LOG_THRESHOLD=0)
  # Operators, net types and the allocator register themselves from objects that nothing refers to:
  # the whole archive must be linked. The math library is referred to by it, and follows.
  target_link_libraries(caffe2_${engine} INTERFACE
    "$<LINK_LIBRARY:WHOLE_ARCHIVE,caffe2_core_archive>" caffe2_math_${engine}_archive
    caffe2_proto Eigen3::Eigen Threads::Threads ${CMAKE_DL_LIBS})
endforeach()
target_link_libraries(caffe2_openblas INTERFACE ${SYNERGY_OPENBLAS_LIBRARY})
