# holdpoint_module(NAME [DEPENDS module...] [LIBRARIES target...])
#
# One folder of the architecture as one static library. The folder's headers are reached as
# "NAME/header.h" through an include root that holds only this folder, so a module can include
# another one's headers only when it names it under DEPENDS: layering is checked by the compiler.
function(holdpoint_module name)
	cmake_parse_arguments(arg "" "" "DEPENDS;LIBRARIES" ${ARGN})
	string(REPLACE "/" "_" target ${name})
	set(root ${CMAKE_BINARY_DIR}/include/${target})
	cmake_path(GET name PARENT_PATH parent)
	file(MAKE_DIRECTORY ${root}/${parent})
	file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${name} ${root}/${name} SYMBOLIC)
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.c)
	list(FILTER sources EXCLUDE REGEX "/main\\.c$")
	add_library(holdpoint_${target} STATIC ${sources})
	target_include_directories(holdpoint_${target} PUBLIC ${root})
	list(TRANSFORM arg_DEPENDS REPLACE "/" "_")
	list(TRANSFORM arg_DEPENDS PREPEND holdpoint_)
	target_link_libraries(holdpoint_${target} PUBLIC holdpoint_compile ${arg_DEPENDS}
		PRIVATE ${arg_LIBRARIES})
endfunction()

# holdpoint_program(NAME MODULE): MODULE/main.c linked with its module, installed to bin/.
function(holdpoint_program name module)
	add_executable(${name} ${CMAKE_SOURCE_DIR}/${module}/main.c)
	target_link_libraries(${name} PRIVATE holdpoint_${module})
	install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()
