# SPDX-License-Identifier: Apache-2.0
# Every include of ours names a header of the module itself or of one under DEPENDS.
function(holdpoint_check_includes name depends)
	file(GLOB headers ${CMAKE_SOURCE_DIR}/${name}/*.h)
	foreach(file ${ARGN} ${headers})
		file(STRINGS ${file} includes REGEX "^#include \"")
		foreach(include ${includes})
			string(REGEX REPLACE "^#include \"(.*)/[^/]*\".*" "\\1" module ${include})
			if(NOT module STREQUAL name AND NOT module IN_LIST depends)
				message(SEND_ERROR "${file}: ${name} does not name ${module} under DEPENDS")
			endif()
		endforeach()
	endforeach()
endfunction()

# holdpoint_module(NAME [DEPENDS module...] [LIBRARIES target...] [PRIVATE_HEADERS header...])
#
# One folder of the architecture as one static library. The folder's headers are reached as
# "NAME/header.h" through an include root that holds only this folder's public ones, so a module can
# include another one's headers only when it names it under DEPENDS: layering is checked by the
# compiler, and when configuring for headers in sight only because another one includes them. Private
# are *_internal.h and PRIVATE_HEADERS; tests reach them by naming
# holdpoint_NAME_private.
function(holdpoint_module name)
	cmake_parse_arguments(arg "" "" "DEPENDS;LIBRARIES;PRIVATE_HEADERS" ${ARGN})
	string(REPLACE "/" "_" target ${name})
	set(public ${CMAKE_BINARY_DIR}/include/${target})
	set(private ${CMAKE_BINARY_DIR}/include/${target}_private)
	file(REMOVE_RECURSE ${public} ${private})
	file(MAKE_DIRECTORY ${public}/${name} ${private}/${name})
	file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/${name}
		${CMAKE_SOURCE_DIR}/${name}/*.h)
	foreach(header ${headers})
		set(root ${public})
		if(header MATCHES "_internal\\.h$" OR header IN_LIST arg_PRIVATE_HEADERS)
			set(root ${private})
		endif()
		file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${name}/${header} ${root}/${name}/${header} SYMBOLIC)
	endforeach()
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.c
		${CMAKE_SOURCE_DIR}/${name}/*.cc)
	list(FILTER sources EXCLUDE REGEX "/main\\.c$")
	holdpoint_check_includes(${name} "${arg_DEPENDS}" ${sources})
	add_library(holdpoint_${target} STATIC ${sources})
	target_include_directories(holdpoint_${target} PUBLIC ${public} PRIVATE ${private})
	list(TRANSFORM arg_DEPENDS REPLACE "/" "_")
	list(TRANSFORM arg_DEPENDS PREPEND holdpoint_)
	target_link_libraries(holdpoint_${target} PUBLIC holdpoint_compile ${arg_DEPENDS}
		PRIVATE ${arg_LIBRARIES})
	add_library(holdpoint_${target}_private INTERFACE)
	target_include_directories(holdpoint_${target}_private INTERFACE ${private})
endfunction()

# holdpoint_program(NAME FOLDER BIN MODULE...): FOLDER/main.c linked with the modules, installed to BIN,
# which is bin, or sbin for daemons. The install component, which is a package, is named as it is.
function(holdpoint_program name folder bin)
	list(TRANSFORM ARGN REPLACE "/" "_" OUTPUT_VARIABLE modules)
	list(TRANSFORM modules PREPEND holdpoint_)
	add_executable(${name} ${CMAKE_SOURCE_DIR}/${folder}/main.c)
	target_link_libraries(${name} PRIVATE ${modules})
	install(TARGETS ${name} RUNTIME DESTINATION ${bin} COMPONENT ${name})
endfunction()
