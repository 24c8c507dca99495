# The binary: the composition root and what only it knows.
if(EXISTS "${PROJECT_SOURCE_DIR}/main.cpp")
  add_executable(holdfast main.cpp)
  target_link_libraries(holdfast PRIVATE holdfast_http)
endif()
