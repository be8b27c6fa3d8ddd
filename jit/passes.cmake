# SPDX-License-Identifier: Apache-2.0
#
# The passes over the intermediate representation: pass_NAME.c for each line of
# passes.def.  Included by the top folder.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
	${CMAKE_CURRENT_LIST_DIR}/passes.def)
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/passes.def pass_lines REGEX "^PASS[(]")
set(pass_sources ${CMAKE_CURRENT_LIST_DIR}/pass.c)
foreach(pass_line ${pass_lines})
	string(REGEX REPLACE "^PASS[(]([a-z0-9_]+),.*" "\\1" pass_name "${pass_line}")
	list(APPEND pass_sources ${CMAKE_CURRENT_LIST_DIR}/pass_${pass_name}.c)
endforeach()
mh_library(jit_passes ${pass_sources})
